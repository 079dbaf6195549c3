//! GGUF tensor types to floats.
//!
//! Source: `ggml-common.h` and `ggml-quants.c` of ggml. A block holds 32 values; low nibbles are
//! values 0 to 15, high nibbles 16 to 31.
#![expect(
    clippy::indexing_slicing,
    reason = "a numeric kernel over arrays of fixed size; every index is a constant or below one"
)]

use half::{bf16, f16};

/// Values in one quantised block.
pub(super) const BLOCK_VALUES: usize = 32;

/// How a GGUF tensor stores its values; the numbers are those of the file format.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum TensorKind {
    F32,
    F16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Bf16,
}

impl TensorKind {
    pub(super) fn of(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            30 => Self::Bf16,
            _ => return None,
        })
    }

    /// Values in one block, and its bytes.
    pub(super) fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::Q4_0 => (BLOCK_VALUES, 18),
            Self::Q4_1 => (BLOCK_VALUES, 20),
            Self::Q5_0 => (BLOCK_VALUES, 22),
            Self::Q5_1 => (BLOCK_VALUES, 24),
            Self::Q8_0 => (BLOCK_VALUES, 34),
        }
    }
}

/// All values of a tensor; bytes that are no whole block at the end are left out.
pub(super) fn dequantise(kind: TensorKind, bytes: &[u8]) -> Vec<f32> {
    let (values, size) = kind.block();
    let mut out = Vec::with_capacity(bytes.len() / size * values);
    match kind {
        TensorKind::F32 => out.extend(blocks(bytes).iter().map(|b| f32::from_le_bytes(*b))),
        TensorKind::F16 => {
            out.extend(blocks(bytes).iter().map(|b| f16::from_le_bytes(*b).to_f32()));
        }
        TensorKind::Bf16 => {
            out.extend(blocks(bytes).iter().map(|b| bf16::from_le_bytes(*b).to_f32()));
        }
        TensorKind::Q4_0 => blocks::<18>(bytes).iter().for_each(|b| q4_0(b, &mut out)),
        TensorKind::Q4_1 => blocks::<20>(bytes).iter().for_each(|b| q4_1(b, &mut out)),
        TensorKind::Q5_0 => blocks::<22>(bytes).iter().for_each(|b| q5_0(b, &mut out)),
        TensorKind::Q5_1 => blocks::<24>(bytes).iter().for_each(|b| q5_1(b, &mut out)),
        TensorKind::Q8_0 => blocks::<34>(bytes).iter().for_each(|b| q8_0(b, &mut out)),
    }
    out
}

fn blocks<const N: usize>(bytes: &[u8]) -> &[[u8; N]] {
    bytes.as_chunks().0
}

/// value = d · (q − 8)
fn q4_0(b: &[u8; 18], out: &mut Vec<f32>) {
    let d = scale(b[0], b[1]);
    let levels: [f32; 16] = std::array::from_fn(|q| d * (q as f32 - 8.0));
    nibbles(&b[2..], &levels, out);
}

/// value = d · q + m
fn q4_1(b: &[u8; 20], out: &mut Vec<f32>) {
    let (d, m) = (scale(b[0], b[1]), scale(b[2], b[3]));
    let levels: [f32; 16] = std::array::from_fn(|q| d * q as f32 + m);
    nibbles(&b[4..], &levels, out);
}

/// value = d · (q − 16), the fifth bits in one word
fn q5_0(b: &[u8; 22], out: &mut Vec<f32>) {
    let d = scale(b[0], b[1]);
    let fifth = u32::from_le_bytes([b[2], b[3], b[4], b[5]]);
    five_bits(fifth, &b[6..], |q| d * (f32::from(q) - 16.0), out);
}

/// value = d · q + m, the fifth bits in one word
fn q5_1(b: &[u8; 24], out: &mut Vec<f32>) {
    let (d, m) = (scale(b[0], b[1]), scale(b[2], b[3]));
    let fifth = u32::from_le_bytes([b[4], b[5], b[6], b[7]]);
    five_bits(fifth, &b[8..], |q| d * f32::from(q) + m, out);
}

/// value = d · q, signed
fn q8_0(b: &[u8; 34], out: &mut Vec<f32>) {
    let d = scale(b[0], b[1]);
    out.extend(b[2..].iter().map(|q| d * f32::from(q.cast_signed())));
}

fn scale(low: u8, high: u8) -> f32 {
    f16::from_le_bytes([low, high]).to_f32()
}

fn nibbles(packed: &[u8], levels: &[f32; 16], out: &mut Vec<f32>) {
    out.extend(packed.iter().map(|byte| levels[usize::from(byte & 15)]));
    out.extend(packed.iter().map(|byte| levels[usize::from(byte >> 4)]));
}

fn five_bits(fifth: u32, packed: &[u8], value: impl Fn(u8) -> f32, out: &mut Vec<f32>) {
    let low = packed.iter().map(|byte| byte & 15);
    let high = packed.iter().map(|byte| byte >> 4);
    let fours = low.chain(high).enumerate();
    out.extend(fours.map(|(at, four)| value(four | (((fifth >> at) & 1) << 4) as u8)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half(value: f32) -> [u8; 2] {
        f16::from_f32(value).to_le_bytes()
    }

    /// A block of the given head whose packed bytes count 0x10, 0x21, 0x32, …
    fn packed(head: &[&[u8]]) -> Vec<u8> {
        let mut block = head.concat();
        block.extend((0..16_u8).map(|i| i | (((i + 1) & 15) << 4)));
        block
    }

    #[test]
    fn each_kind_gives_the_values_its_format_defines() {
        // (kind, one block, [(index, value)])
        type Row = (TensorKind, Vec<u8>, &'static [(usize, f32)]);
        let fifth = 0x8000_0001_u32.to_le_bytes();
        let table: [Row; 8] = [
            (TensorKind::F32, 1.5_f32.to_le_bytes().to_vec(), &[(0, 1.5)]),
            (TensorKind::F16, half(-2.5).to_vec(), &[(0, -2.5)]),
            (TensorKind::Bf16, bf16::from_f32(3.0).to_le_bytes().to_vec(), &[(0, 3.0)]),
            (
                TensorKind::Q4_0,
                packed(&[&half(0.5)]),
                &[(0, -4.0), (15, 3.5), (16, -3.5), (30, 3.5), (31, -4.0)],
            ),
            (
                TensorKind::Q4_1,
                packed(&[&half(0.5), &half(-1.0)]),
                &[(0, -1.0), (15, 6.5), (16, -0.5), (31, -1.0)],
            ),
            (
                TensorKind::Q5_0,
                packed(&[&half(0.5), &fifth]),
                &[(0, 0.0), (1, -7.5), (16, -7.5), (31, 0.0)],
            ),
            (
                TensorKind::Q5_1,
                packed(&[&half(0.5), &half(1.0), &fifth]),
                &[(0, 9.0), (1, 1.5), (16, 1.5), (31, 9.0)],
            ),
            (
                TensorKind::Q8_0,
                [
                    &half(0.25)[..],
                    &(0..32).map(|i| 240 + i).map(|i: u32| i as u8).collect::<Vec<_>>(),
                ]
                .concat(),
                &[(0, -4.0), (15, -0.25), (16, 0.0), (31, 3.75)],
            ),
        ];
        for (kind, block, expected) in table {
            let (values, bytes) = kind.block();
            assert_eq!(block.len(), bytes, "{kind:?}");
            let out = dequantise(kind, &[&block[..], &block[..1]].concat());
            assert_eq!(out.len(), values, "{kind:?} leaves a torn block out");
            for (at, value) in expected {
                assert_eq!(out[*at].to_bits(), value.to_bits(), "{kind:?} value {at}");
            }
        }
    }
}
