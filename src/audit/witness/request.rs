//! The body of `add-checkpoint`: an old size, the hashes from there, and the checkpoint.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::audit::checkpoint::CHECKPOINT_BYTES_MAX;
use crate::audit::merkle::Hash;

/// The format's own limit: the bits of a size.
const PROOF_HASHES_MAX: usize = 63;
/// Largest body: the old size, 63 hashes of 45 bytes a line, and the largest checkpoint.
pub const ADD_CHECKPOINT_BYTES_MAX: usize = CHECKPOINT_BYTES_MAX as usize + 4 * 1024;

/// A checkpoint on its way to a witness.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct AddCheckpoint<'a> {
    /// The size that the witness is thought to know.
    pub(super) old: u64,
    /// The consistency proof from there.
    pub(super) proof: Vec<Hash>,
    /// The signed checkpoint.
    pub(super) checkpoint: &'a str,
}

impl<'a> AddCheckpoint<'a> {
    /// Reads a body; `None` where it is not of the format.
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        if body.len() > ADD_CHECKPOINT_BYTES_MAX {
            return None;
        }
        let (head, checkpoint) = std::str::from_utf8(body).ok()?.split_once("\n\n")?;
        let mut lines = head.split('\n');
        let old = parse_size(lines.next()?.strip_prefix("old ")?)?;
        let proof: Option<Vec<Hash>> = lines
            .take(PROOF_HASHES_MAX + 1)
            .map(|line| STANDARD.decode(line).ok()?.try_into().ok())
            .collect();
        let proof = proof.filter(|proof| proof.len() <= PROOF_HASHES_MAX)?;
        Some(Self { old, proof, checkpoint })
    }

    /// The body.
    pub(super) fn render(&self) -> String {
        let hashes: String = self.proof.iter().map(|hash| STANDARD.encode(hash) + "\n").collect();
        format!("old {}\n{hashes}\n{}", self.old, self.checkpoint)
    }
}

/// A size in its one spelling.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    text.parse().ok().filter(|size: &u64| size.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: the example of the C2SP tlog-witness specification, its signatures left out.
    const EXAMPLE: &str = "old 20852014\n\
        PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
        jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\
        5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
        /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\
        \n\
        example.com/behind-the-sofa\n\
        20852163\n\
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\
        \n\
        — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";

    #[test]
    fn the_example_of_the_specification_has_one_reading() {
        let read = AddCheckpoint::parse(EXAMPLE.as_bytes()).unwrap();
        assert_eq!((read.old, read.proof.len()), (20_852_014, 4));
        assert!(read.checkpoint.starts_with("example.com/behind-the-sofa\n20852163\n"));
        assert_eq!(read.render(), EXAMPLE);
    }

    #[test]
    fn what_is_not_of_the_format_is_not_read() {
        let hash = "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n";
        let table = [
            String::new(),
            "old 1\n".into(),
            "old 1\nnote\n".into(),
            "new 1\n\nnote\n".into(),
            "old  1\n\nnote\n".into(),
            "old 01\n\nnote\n".into(),
            "old +1\n\nnote\n".into(),
            "old -1\n\nnote\n".into(),
            "old 18446744073709551616\n\nnote\n".into(),
            "old 1\r\n\nnote\n".into(),
            "old 1\nAAAA\n\nnote\n".into(),
            format!("old 1\n{}\nnote\n", hash.replace('=', "")),
            format!("old 1\n{}\nnote\n", hash.repeat(64)),
            format!("old 1\n\n{}\n", "x".repeat(ADD_CHECKPOINT_BYTES_MAX)),
        ];
        for body in table {
            assert_eq!(AddCheckpoint::parse(body.as_bytes()), None, "{body:.60}");
        }
        let most = format!("old 1\n{}\nnote\n", hash.repeat(63));
        assert_eq!(AddCheckpoint::parse(most.as_bytes()).unwrap().proof.len(), 63);
        assert_eq!(AddCheckpoint::parse(b"old 1\n\n\xff"), None);
    }
}
