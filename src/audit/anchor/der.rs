//! Reads and writes the little DER (X.690) that timestamps need. Definite lengths only, nothing is
//! copied, and whoever reads says which tag must come next.

/// Tags that occur here.
pub(super) mod tag {
    pub(in crate::audit::anchor) const BOOLEAN: u8 = 0x01;
    pub(in crate::audit::anchor) const INTEGER: u8 = 0x02;
    pub(in crate::audit::anchor) const OCTETS: u8 = 0x04;
    pub(in crate::audit::anchor) const OID: u8 = 0x06;
    pub(in crate::audit::anchor) const TIME: u8 = 0x18;
    pub(in crate::audit::anchor) const SEQUENCE: u8 = 0x30;
    pub(in crate::audit::anchor) const SET: u8 = 0x31;
    /// `[0]`, constructed.
    pub(in crate::audit::anchor) const ZERO: u8 = 0xa0;
}

/// What is left of a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element: its tag, its contents, and all of its bytes.
    pub(super) fn next(&mut self) -> Option<(u8, &'a [u8], &'a [u8])> {
        let whole = self.0;
        let (&tag, rest) = whole.split_first()?;
        // Tags of more than one byte occur nowhere in what is read here.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (&first, mut rest) = rest.split_first()?;
        let len = match first {
            0..=0x7f => usize::from(first),
            // Two to four bytes, in their shortest form; 0x80 would be an indefinite length.
            0x81..=0x84 => {
                let (digits, behind) = rest.split_at_checked(usize::from(first & 0x7f))?;
                rest = behind;
                let len = digits.iter().fold(0_usize, |sum, digit| sum << 8 | usize::from(*digit));
                let shortest = *digits.first()? != 0 && len > 0x7f;
                Some(len).filter(|_| shortest)?
            }
            _ => return None,
        };
        let (contents, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((tag, contents, whole.get(..whole.len() - rest.len())?))
    }

    /// The contents of the next element, which must have this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, ..)| *found == tag).map(|(_, contents, _)| contents)
    }

    /// What lies in the next element, which must have this tag.
    pub(super) fn enter(&mut self, tag: u8) -> Option<Self> {
        self.expect(tag).map(Self)
    }

    /// The contents of the next element if it has this tag; else nothing is read.
    pub(super) fn optional(&mut self, tag: u8) -> Option<&'a [u8]> {
        if self.0.first() == Some(&tag) { self.expect(tag) } else { None }
    }
}

/// One element.
pub(super) fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    let len = contents.len().to_be_bytes();
    let digits: Vec<u8> = len.into_iter().skip_while(|byte| *byte == 0).collect();
    match digits.as_slice() {
        [] => bytes.push(0),
        [one] if *one < 0x80 => bytes.push(*one),
        more => {
            bytes.push(0x80 | more.len() as u8);
            bytes.extend_from_slice(more);
        }
    }
    bytes.extend_from_slice(contents);
    bytes
}

/// A sequence of elements.
pub(super) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    element(tag::SEQUENCE, &parts.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_at_every_length() {
        for len in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let contents = vec![7; len];
            let bytes = element(tag::OCTETS, &contents);
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.next(), Some((tag::OCTETS, &contents[..], &bytes[..])), "{len}");
            assert!(reader.is_empty());
            assert!(Reader::new(&bytes[..bytes.len() - 1]).next().is_none());
        }
    }

    #[test]
    fn other_encodings_of_a_length_are_refused() {
        for bytes in [
            &[][..],
            &[0x04],
            &[0x04, 0x80],
            &[0x04, 0x81, 0x7f],
            &[0x04, 0x82, 0x00, 0x80],
            &[0x04, 0x85, 1, 1, 1, 1, 1],
            &[0x1f, 0x01, 0x00],
        ] {
            assert!(Reader::new(bytes).next().is_none(), "{bytes:02x?}");
        }
    }
}
