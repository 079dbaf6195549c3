//! The GGUF container: metadata, and tensors by name.
//!
//! Source: `docs/gguf.md` of ggml, versions 2 and 3 (little-endian). Every length is checked
//! against the bytes that are left, so a forged one cannot make us allocate.

use std::collections::BTreeMap;

use super::dequantise::{TensorKind, dequantise};
pub(super) use super::gguf_reader::Fault;
use super::gguf_reader::{Reader, TensorInfo, Value};

/// Metadata values plus tensors; large models have about a thousand.
const ENTRIES_MAX: u64 = 100_000;

/// A parsed file; tensor bytes are borrowed.
pub(super) struct Gguf<'a> {
    metadata: BTreeMap<String, Value>,
    tensors: BTreeMap<String, TensorInfo>,
    bytes: &'a [u8],
}

impl<'a> Gguf<'a> {
    pub(super) fn parse(file: &'a [u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(file);
        if reader.take(4)? != b"GGUF" {
            return Err("it is not a GGUF file".to_owned());
        }
        let version = reader.u32()?;
        if !(2..=3).contains(&version) {
            return Err(format!("GGUF version {version} is not known"));
        }
        let (tensor_count, value_count) = (reader.u64()?, reader.u64()?);
        if tensor_count.max(value_count) > ENTRIES_MAX {
            return Err(format!("{tensor_count} tensors and {value_count} values are too many"));
        }
        let mut metadata = BTreeMap::new();
        for _ in 0..value_count {
            let key = reader.text()?;
            let kind = reader.u32()?;
            metadata.insert(key, reader.value(kind, 0)?);
        }
        let mut tensors = BTreeMap::new();
        for _ in 0..tensor_count {
            let name = reader.text()?;
            tensors.insert(name, reader.tensor()?);
        }
        let mut gguf = Self { metadata, tensors, bytes: &[] };
        let alignment = gguf.integer("general.alignment").unwrap_or(32).max(1);
        let start = (file.len() - reader.left()).checked_next_multiple_of(alignment);
        gguf.bytes = start.and_then(|at| file.get(at..)).ok_or("its tensors are missing")?;
        Ok(gguf)
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.metadata.get(key)? {
            Value::Text(text) => Some(text),
            Value::Integer(_) | Value::Float(_) | Value::Bool(_) | Value::List(_) => None,
        }
    }

    pub(super) fn integer(&self, key: &str) -> Option<usize> {
        match self.metadata.get(key)? {
            Value::Integer(number) => usize::try_from(*number).ok(),
            Value::Text(_) | Value::Float(_) | Value::Bool(_) | Value::List(_) => None,
        }
    }

    pub(super) fn float(&self, key: &str) -> Option<f64> {
        match self.metadata.get(key)? {
            Value::Float(number) => Some(*number),
            Value::Text(_) | Value::Integer(_) | Value::Bool(_) | Value::List(_) => None,
        }
    }

    /// A list of texts.
    pub(super) fn texts(&self, key: &str) -> Option<Vec<&str>> {
        self.list(key)?
            .iter()
            .map(|value| match value {
                Value::Text(text) => Some(text.as_str()),
                Value::Integer(_) | Value::Float(_) | Value::Bool(_) | Value::List(_) => None,
            })
            .collect()
    }

    /// A list of integers.
    pub(super) fn integers(&self, key: &str) -> Option<Vec<i64>> {
        self.list(key)?
            .iter()
            .map(|value| match value {
                Value::Integer(number) => Some(*number),
                Value::Text(_) | Value::Float(_) | Value::Bool(_) | Value::List(_) => None,
            })
            .collect()
    }

    pub(super) fn has_tensor(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// A tensor's values, whose dimensions (outermost first) must be `dims`.
    pub(super) fn floats(&self, name: &str, dims: &[usize]) -> Result<Vec<f32>, Fault> {
        let info = self.tensors.get(name).ok_or_else(|| format!("tensor {name} is missing"))?;
        if info.dims != dims {
            return Err(format!("tensor {name} is {:?}, expected {dims:?}", info.dims));
        }
        let kind = TensorKind::of(info.kind)
            .ok_or_else(|| format!("tensor {name} has type {}, which is not read", info.kind))?;
        let (values, bytes) = kind.block();
        let count: usize = dims.iter().product();
        let end = (count / values).checked_mul(bytes).and_then(|n| n.checked_add(info.offset));
        let stored = end.and_then(|end| self.bytes.get(info.offset..end));
        Ok(dequantise(kind, stored.ok_or_else(|| format!("tensor {name} is cut short"))?))
    }

    fn list(&self, key: &str) -> Option<&[Value]> {
        match self.metadata.get(key)? {
            Value::List(values) => Some(values),
            Value::Text(_) | Value::Integer(_) | Value::Float(_) | Value::Bool(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Vec<u8> {
        [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
    }

    /// One value, one 2 × 3 tensor of floats.
    fn small() -> Vec<u8> {
        let mut file = b"GGUF".to_vec();
        file.extend(3_u32.to_le_bytes());
        file.extend([1_u64.to_le_bytes(), 2_u64.to_le_bytes()].concat());
        file.extend([text("a.list"), 9_u32.to_le_bytes().to_vec()].concat());
        file.extend([&8_u32.to_le_bytes()[..], &2_u64.to_le_bytes()].concat());
        file.extend([text("x"), text("yz")].concat());
        file.extend(
            [text("n"), 4_u32.to_le_bytes().to_vec(), 7_u32.to_le_bytes().to_vec()].concat(),
        );
        file.extend([text("w"), 2_u32.to_le_bytes().to_vec()].concat());
        file.extend([3_u64.to_le_bytes(), 2_u64.to_le_bytes()].concat());
        file.extend([&0_u32.to_le_bytes()[..], &0_u64.to_le_bytes()].concat());
        file.resize(file.len().next_multiple_of(32), 0);
        file.extend((0..6).flat_map(|i| (i as f32).to_le_bytes()));
        file
    }

    #[test]
    fn values_and_tensors_are_read() {
        let file = small();
        let gguf = Gguf::parse(&file).unwrap();
        assert_eq!(gguf.texts("a.list").unwrap(), ["x", "yz"]);
        assert_eq!(gguf.integer("n"), Some(7));
        assert_eq!((gguf.text("n"), gguf.float("n")), (None, None));
        assert_eq!(gguf.floats("w", &[2, 3]).unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert!(gguf.floats("w", &[3, 2]).unwrap_err().contains("[2, 3]"));
        assert!(gguf.floats("v", &[1]).unwrap_err().contains("missing"));
    }

    #[test]
    fn a_file_cut_anywhere_gives_an_error() {
        let file = small();
        for length in 0..file.len() {
            let cut = file.get(..length).unwrap();
            let read = Gguf::parse(cut).and_then(|gguf| gguf.floats("w", &[2, 3]));
            assert!(read.is_err(), "{length} of {} bytes", file.len());
        }
    }

    #[test]
    fn a_forged_count_is_refused_before_it_allocates() {
        for at in [8, 16] {
            let mut file = small();
            file.splice(at..at + 8, u64::MAX.to_le_bytes());
            assert!(Gguf::parse(&file).is_err(), "count at {at}");
        }
    }
}
