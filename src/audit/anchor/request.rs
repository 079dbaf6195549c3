//! The request: a digest, a nonce, and that the reply shall bring its certificate.

use super::der::{Reader, element, sequence, tag};
use crate::domain::clock::Entropy;
use crate::domain::digest::Digest;

/// 2.16.840.1.101.3.4.2.1
pub(super) const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
/// Bytes of a nonce: below 2^63, so that it is positive in DER without a leading zero.
const NONCE_BYTES: usize = 8;

/// A `TimeStampReq` of this digest, with a fresh nonce.
pub(super) fn request(imprint: &Digest, entropy: &dyn Entropy) -> Vec<u8> {
    let mut nonce = [0; NONCE_BYTES];
    entropy.fill(&mut nonce);
    if let Some(first) = nonce.first_mut() {
        // Neither negative nor zero in front: the shortest form of an integer.
        *first = *first & 0x7f | 0x40;
    }
    request_with(imprint, &nonce)
}

/// A `TimeStampReq` of this digest and nonce: there is one.
pub(super) fn request_with(imprint: &Digest, nonce: &[u8]) -> Vec<u8> {
    let algorithm = sequence(&[element(tag::OID, SHA256), vec![0x05, 0x00]]);
    sequence(&[
        element(tag::INTEGER, &[1]),
        sequence(&[algorithm, element(tag::OCTETS, imprint.as_bytes())]),
        element(tag::INTEGER, nonce),
        element(tag::BOOLEAN, &[0xff]),
    ])
}

/// The nonce of a request of ours.
pub(super) fn nonce_of(request: &[u8]) -> Option<&[u8]> {
    let mut fields = Reader::new(request).enter(tag::SEQUENCE)?;
    fields.expect(tag::INTEGER)?;
    fields.expect(tag::SEQUENCE)?;
    fields.expect(tag::INTEGER)
}
