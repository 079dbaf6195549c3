/// Arrays of arrays occur in no known file; one level of them is read.
const DEPTH_MAX: u32 = 2;
/// Dimensions of a tensor.
const DIMS_MAX: u32 = 4;

/// What is wrong with a file, in words.
pub(super) type Fault = String;

/// A metadata value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Integer(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    List(Vec<Self>),
}

/// Where a tensor is and how it is stored.
pub(super) struct TensorInfo {
    pub(super) kind: u32,
    /// Outermost first, unlike in the file.
    pub(super) dims: Vec<usize>,
    pub(super) offset: usize,
}

/// Reads values one after the other; every one is checked against the bytes that are left.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a [u8]) -> Self {
        Self { rest: file }
    }

    /// Bytes that were not read yet.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or("it is cut short")?;
        self.rest = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (head, rest) = self.rest.split_first_chunk().ok_or("it is cut short")?;
        self.rest = rest;
        Ok(*head)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Fault> {
        self.array().map(u64::from_le_bytes)
    }

    fn size(&mut self) -> Result<usize, Fault> {
        usize::try_from(self.u64()?).map_err(|_| "a length is too large".to_owned())
    }

    pub(super) fn text(&mut self) -> Result<String, Fault> {
        let size = self.size()?;
        let bytes = self.take(size)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| "a text is not UTF-8".to_owned())
    }

    pub(super) fn value(&mut self, kind: u32, depth: u32) -> Result<Value, Fault> {
        Ok(match kind {
            0 => Value::Integer(self.array::<1>().map(u8::from_le_bytes)?.into()),
            1 => Value::Integer(self.array().map(i8::from_le_bytes)?.into()),
            2 => Value::Integer(self.array().map(u16::from_le_bytes)?.into()),
            3 => Value::Integer(self.array().map(i16::from_le_bytes)?.into()),
            4 => Value::Integer(self.u32()?.into()),
            5 => Value::Integer(self.array().map(i32::from_le_bytes)?.into()),
            6 => Value::Float(self.array().map(f32::from_le_bytes)?.into()),
            7 => Value::Bool(self.array::<1>()? != [0]),
            8 => Value::Text(self.text()?),
            9 if depth < DEPTH_MAX => {
                let (kind, count) = (self.u32()?, self.u64()?);
                // Grows as values are read: `count` alone reserves nothing.
                let values = (0..count).map(|_| self.value(kind, depth + 1));
                Value::List(values.collect::<Result<_, _>>()?)
            }
            10 => Value::Integer(self.u64()?.try_into().map_err(|_| "a number is too large")?),
            11 => Value::Integer(self.array().map(i64::from_le_bytes)?),
            12 => Value::Float(self.array().map(f64::from_le_bytes)?),
            other => return Err(format!("value type {other} is not known")),
        })
    }

    pub(super) fn tensor(&mut self) -> Result<TensorInfo, Fault> {
        let count = self.u32()?;
        if count > DIMS_MAX {
            return Err(format!("a tensor has {count} dimensions"));
        }
        let mut dims = (0..count).map(|_| self.size()).collect::<Result<Vec<_>, _>>()?;
        dims.reverse();
        Ok(TensorInfo { kind: self.u32()?, dims, offset: self.size()? })
    }
}
