use std::io;

use super::graph::{GraphWriter, Stored};
use super::onnx::{Attribute, ElementType};
use crate::inference::Quantization;

/// Inputs that share one scale in an 8-bit matrix.
pub(super) const BLOCK: usize = 32;
/// The 8-bit value that stands for zero.
const ZERO: f32 = 128.0;

/// A matrix as its file stores it: `rows` outputs of `columns` inputs each, row by row.
pub(super) struct Matrix<'a> {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) values: &'a [f32],
}

/// An 8-bit matrix: bytes of the same layout, and one scale for each block.
pub(super) struct Blocks {
    pub(super) bytes: Vec<u8>,
    pub(super) scales: Vec<f32>,
}

/// Rounds each block of 32 values to 255 levels, evenly around zero.
pub(super) fn quantise(values: &[f32]) -> Blocks {
    let mut bytes = Vec::with_capacity(values.len());
    let mut scales = Vec::with_capacity(values.len() / BLOCK + 1);
    for block in values.chunks(BLOCK) {
        let largest = block.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        let scale = largest / 127.0;
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        // In range by construction: -127..=127 around 128. `as` saturates.
        bytes.extend(block.iter().map(|value| (value * inverse + ZERO).round() as u8));
        scales.push(scale);
    }
    Blocks { bytes, scales }
}

impl GraphWriter {
    /// Adds `input · matrixᵀ + bias` and returns the output's name.
    pub(super) fn linear(
        &mut self,
        name: &str,
        input: &str,
        matrix: &Matrix<'_>,
        bias: Option<&[f32]>,
        quantization: Quantization,
    ) -> io::Result<String> {
        if let Some(bias) = bias {
            self.floats(&format!("{name}.bias"), &[bias.len()], bias)?;
        }
        let bias = bias.map(|_| format!("{name}.bias"));
        match quantization {
            Quantization::Int8 => {
                self.store_blocks(name, matrix)?;
                Ok(self.multiply_blocks(name, input, matrix, bias.as_deref()))
            }
            Quantization::None => {
                let turned = transposed(matrix);
                let weight = format!("{name}.weight");
                self.floats(&weight, &[matrix.columns, matrix.rows], &turned)?;
                let product = self.standard("MatMul", &[input, &weight], Vec::new());
                Ok(match bias {
                    Some(bias) => self.standard("Add", &[&product, &bias], Vec::new()),
                    None => product,
                })
            }
        }
    }

    /// Stores an 8-bit matrix as `name.blocks` and `name.scales`; returns where they are.
    pub(super) fn store_blocks(
        &mut self,
        name: &str,
        matrix: &Matrix<'_>,
    ) -> io::Result<[Option<Stored>; 2]> {
        let blocks = quantise(matrix.values);
        let per_row = matrix.columns / BLOCK;
        let dims = [matrix.rows, per_row, BLOCK];
        let bytes =
            self.tensor(&format!("{name}.blocks"), ElementType::Uint8, &dims, &blocks.bytes)?;
        let scales: Vec<u8> = blocks.scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
        let dims = [matrix.rows, per_row];
        let scales = self.tensor(&format!("{name}.scales"), ElementType::Float, &dims, &scales)?;
        Ok([bytes, scales])
    }

    /// Multiplies by a matrix that [`Self::store_blocks`] stored. Accuracy level 4: the input is
    /// rounded to 8 bits too, block by block, which processors multiply natively.
    pub(super) fn multiply_blocks(
        &mut self,
        name: &str,
        input: &str,
        matrix: &Matrix<'_>,
        bias: Option<&str>,
    ) -> String {
        let (blocks, scales) = (format!("{name}.blocks"), format!("{name}.scales"));
        let mut inputs = vec![input, &blocks, &scales];
        if let Some(bias) = bias {
            inputs.extend(["", "", bias]);
        }
        let size =
            |name: &str, size: usize| Attribute::int(name, i64::try_from(size).unwrap_or(i64::MAX));
        let with = vec![
            size("N", matrix.rows),
            size("K", matrix.columns),
            size("block_size", BLOCK),
            Attribute::int("bits", 8),
            Attribute::int("accuracy_level", 4),
        ];
        self.contrib("MatMulNBits", &inputs, with)
    }
}

/// The transpose: `columns` rows of `rows` values.
fn transposed(matrix: &Matrix<'_>) -> Vec<f32> {
    let mut turned = Vec::with_capacity(matrix.values.len());
    for column in 0..matrix.columns {
        turned.extend(matrix.values.iter().skip(column).step_by(matrix.columns.max(1)));
    }
    turned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_keeps_its_values_to_half_a_step() {
        let values: Vec<f32> = (0..64).map(|i| (i as f32 - 20.0) * 0.37).collect();
        let blocks = quantise(&values);
        assert_eq!((blocks.bytes.len(), blocks.scales.len()), (64, 2));
        for (at, value) in values.iter().enumerate() {
            let scale = blocks.scales[at / BLOCK];
            let read = (f32::from(blocks.bytes[at]) - ZERO) * scale;
            assert!((read - value).abs() <= scale * 0.5001, "{at}: {value} became {read}");
        }
        assert_eq!(quantise(&[0.0; 32]).bytes, [128; 32], "zero stays zero");
    }

    #[test]
    fn a_transpose_swaps_rows_and_columns() {
        let matrix = Matrix { rows: 2, columns: 3, values: &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0] };
        assert_eq!(transposed(&matrix), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }
}
