//! The reply: that it was granted, what it is about, when, and who signed it.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert, ring as algorithms};

use super::der::{Reader, element, tag};
use super::request::SHA256;
use crate::domain::clock::Timestamp;
use crate::domain::digest::Digest;

// Object identifiers, as their DER contents.
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
const SIGNING_CERTIFICATE_V2: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x2f];
const SHA384: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];
const SHA512: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];
/// 1.3.6.1.5.5.7.3.8, the extended key usage of timestamp authorities.
const TIME_STAMPING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];

/// Certificates in one reply, and attributes of one signature: a chain has a handful.
const ITEMS_MAX: usize = 16;

/// Why a reply is not accepted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TokenError {
    /// Not the DER of a timestamp reply.
    #[error("not a timestamp reply ({0}): give the .tsr file as the authority sent it")]
    Malformed(&'static str),
    /// The authority refused.
    #[error("the authority did not grant the timestamp (status {status})")]
    NotGranted {
        /// `PKIStatus`.
        status: u8,
    },
    /// It is about something else.
    #[error("the timestamp is not of a checkpoint that was asked for here")]
    Imprint,
    /// It answers another request.
    #[error("the timestamp answers another request: its nonce is not ours")]
    Nonce,
    /// The signature, or what it is over.
    #[error("the signature of the timestamp does not hold: {0}")]
    Signature(&'static str),
    /// The signer's certificate does not come from the named authority.
    #[error("the signer's certificate does not come from the named authority: {0}")]
    Untrusted(String),
    /// The named authority is no certificate.
    #[error("no certificate of an authority: {0}")]
    Authority(String),
}

/// What was checked of the signer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SignerTrust {
    /// The certificate leads to one that the operator named, and is for timestamps.
    Chain,
    /// The signature fits the certificate in the reply; whose that is nobody has checked.
    SignatureOnly,
}

/// What a reply states.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Token {
    /// The digest that it is about.
    pub(super) imprint: Digest,
    /// The nonce, as in the request.
    pub(super) nonce: Vec<u8>,
    /// When.
    pub(super) time: Timestamp,
    /// Digest of the signer's certificate.
    pub(super) signer: Digest,
    /// What was checked of it.
    pub(super) trust: SignerTrust,
}

/// Reads a `TimeStampResp`, checks its signature, and its signer where `authorities` are named.
pub(super) fn check(reply: &[u8], authorities: &[CertificateDer<'_>]) -> Result<Token, TokenError> {
    let malformed = TokenError::Malformed;
    let mut whole = Reader::new(reply);
    let mut fields = whole.enter(tag::SEQUENCE).ok_or(malformed("no sequence"))?;
    let status = status(&mut fields).ok_or(malformed("no status"))?;
    // Granted, or granted with modifications.
    if status > 1 {
        return Err(TokenError::NotGranted { status });
    }
    let signed = Signed::read(&mut fields).ok_or(malformed("no signed data"))?;
    if !whole.is_empty() || !fields.is_empty() {
        return Err(malformed("more behind its end"));
    }
    let stated = Stated::read(signed.content).ok_or(malformed("no timestamp in it"))?;
    let signer = signed.check_signature()?;
    let trust = check_trust(&signed, signer, authorities, stated.time)?;
    Ok(Token {
        imprint: stated.imprint,
        nonce: stated.nonce.to_vec(),
        time: stated.time,
        signer: Digest::of(signer),
        trust,
    })
}

fn status(fields: &mut Reader<'_>) -> Option<u8> {
    let status = fields.enter(tag::SEQUENCE)?.expect(tag::INTEGER)?;
    match status {
        [status] => Some(*status),
        _ => None,
    }
}

/// The statement itself, `TSTInfo`.
struct Stated<'a> {
    imprint: Digest,
    nonce: &'a [u8],
    time: Timestamp,
}

impl<'a> Stated<'a> {
    fn read(content: &'a [u8]) -> Option<Self> {
        let mut fields = Reader::new(content).enter(tag::SEQUENCE)?;
        if fields.expect(tag::INTEGER)? != [1] {
            return None;
        }
        fields.expect(tag::OID)?;
        let mut imprint = fields.enter(tag::SEQUENCE)?;
        if imprint.enter(tag::SEQUENCE)?.expect(tag::OID)? != SHA256 {
            return None;
        }
        let imprint = Digest::from_bytes(imprint.expect(tag::OCTETS)?.try_into().ok()?);
        fields.expect(tag::INTEGER)?;
        let time = parse_time(fields.expect(tag::TIME)?)?;
        fields.optional(tag::SEQUENCE);
        fields.optional(tag::BOOLEAN);
        let nonce = fields.optional(tag::INTEGER).unwrap_or_default();
        Some(Self { imprint, nonce, time })
    }
}

/// `YYYYMMDDhhmmss[.f]Z`.
fn parse_time(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?;
    let (digits, fraction) = text.strip_suffix('Z')?.split_at_checked(14)?;
    let part = |at: std::ops::Range<usize>| digits.get(at);
    let (date, clock) = (
        [part(0..4)?, part(4..6)?, part(6..8)?].join("-"),
        [part(8..10)?, part(10..12)?, part(12..14)?].join(":"),
    );
    digits.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
    format!("{date}T{clock}{fraction}Z").parse().ok()
}

/// The signed data around the statement, RFC 5652 section 5.
struct Signed<'a> {
    content: &'a [u8],
    certificates: Vec<&'a [u8]>,
    digest: &'a [u8],
    /// The signed attributes: what is in the set.
    attributes: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Signed<'a> {
    fn read(fields: &mut Reader<'a>) -> Option<Self> {
        let mut token = fields.enter(tag::SEQUENCE)?;
        if token.expect(tag::OID)? != SIGNED_DATA {
            return None;
        }
        let mut signed = token.enter(tag::ZERO)?.enter(tag::SEQUENCE)?;
        signed.expect(tag::INTEGER)?;
        signed.expect(tag::SET)?;
        let mut content = signed.enter(tag::SEQUENCE)?;
        if content.expect(tag::OID)? != TST_INFO {
            return None;
        }
        let content = content.enter(tag::ZERO)?.expect(tag::OCTETS)?;
        let mut found = Reader::new(signed.optional(tag::ZERO)?);
        let mut certificates = Vec::new();
        while !found.is_empty() && certificates.len() < ITEMS_MAX {
            certificates.push(found.next()?.2);
        }
        // Revocation lists may follow: a token is judged at its own time, and offline.
        signed.optional(0xa1);
        let mut signers = signed.enter(tag::SET)?;
        let mut signer = signers.enter(tag::SEQUENCE)?;
        signer.expect(tag::INTEGER)?;
        signer.next()?;
        let digest = signer.enter(tag::SEQUENCE)?.expect(tag::OID)?;
        let attributes = signer.expect(tag::ZERO)?;
        signer.expect(tag::SEQUENCE)?;
        let signature = signer.expect(tag::OCTETS)?;
        // RFC 3161 section 2.4.2: one signer.
        signers.is_empty().then_some(Self { content, certificates, digest, attributes, signature })
    }

    /// The certificate whose key has signed the attributes, and these the statement.
    fn check_signature(&self) -> Result<&'a [u8], TokenError> {
        let wrong = TokenError::Signature;
        let attribute = |kind| self.attribute(kind);
        let kind = attribute(CONTENT_TYPE).and_then(|mut values| values.expect(tag::OID));
        if kind != Some(TST_INFO) {
            return Err(wrong("it is not over a timestamp"));
        }
        let digest = attribute(MESSAGE_DIGEST).and_then(|mut values| values.expect(tag::OCTETS));
        let expected = digest_of(self.digest, self.content).ok_or(wrong("an unknown digest"))?;
        if digest != Some(expected.as_slice()) {
            return Err(wrong("the statement was altered"));
        }
        // Section 5.4: signed as a SET, sent as `[0]`.
        let message = element(tag::SET, self.attributes);
        let signer = self.certificates.iter().find(|certificate| {
            let certificate = CertificateDer::from(**certificate);
            EndEntityCert::try_from(&certificate).is_ok_and(|certificate| {
                let fits = |algorithm: &&dyn SignatureVerificationAlgorithm| {
                    certificate.verify_signature(*algorithm, &message, self.signature).is_ok()
                };
                candidates(self.digest).iter().any(fits)
            })
        });
        let signer = *signer.ok_or(wrong("no certificate in the reply has this key"))?;
        // RFC 5816: the attribute names the certificate. Older authorities name it by SHA-1, which
        // says no more than the key that has just been found.
        match attribute(SIGNING_CERTIFICATE_V2).map(named_digest) {
            Some(Some(named)) if named != Digest::of(signer).as_bytes() => {
                Err(wrong("it names another certificate"))
            }
            Some(_) | None => Ok(signer),
        }
    }

    /// The values of an attribute.
    fn attribute(&self, kind: &[u8]) -> Option<Reader<'a>> {
        let mut attributes = Reader::new(self.attributes);
        for _ in 0..ITEMS_MAX {
            let mut attribute = attributes.enter(tag::SEQUENCE)?;
            if attribute.expect(tag::OID)? == kind {
                return attribute.enter(tag::SET);
            }
        }
        None
    }
}

/// The first SHA-256 of a certificate in a `SigningCertificateV2`, whose default algorithm is
/// SHA-256; `None` where another one is named.
fn named_digest(mut values: Reader<'_>) -> Option<&[u8]> {
    let mut first = values.enter(tag::SEQUENCE)?.enter(tag::SEQUENCE)?.enter(tag::SEQUENCE)?;
    match first.optional(tag::SEQUENCE) {
        Some(algorithm) if Reader::new(algorithm).expect(tag::OID)? != SHA256 => None,
        Some(_) | None => first.expect(tag::OCTETS),
    }
}

fn digest_of(algorithm: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    use sha2::{Digest as _, Sha256, Sha384, Sha512};
    match algorithm {
        SHA256 => Some(Sha256::digest(bytes).to_vec()),
        SHA384 => Some(Sha384::digest(bytes).to_vec()),
        SHA512 => Some(Sha512::digest(bytes).to_vec()),
        _ => None,
    }
}

/// Signature algorithms over this digest; which one it is follows from the certificate's key.
fn candidates(digest: &[u8]) -> Vec<&'static dyn SignatureVerificationAlgorithm> {
    match digest {
        SHA256 => vec![
            algorithms::ECDSA_P256_SHA256,
            algorithms::ECDSA_P384_SHA256,
            algorithms::RSA_PKCS1_2048_8192_SHA256,
        ],
        SHA384 => vec![
            algorithms::ECDSA_P256_SHA384,
            algorithms::ECDSA_P384_SHA384,
            algorithms::RSA_PKCS1_2048_8192_SHA384,
        ],
        SHA512 => vec![algorithms::RSA_PKCS1_2048_8192_SHA512, algorithms::ED25519],
        _ => Vec::new(),
    }
}

/// Whether the signer's certificate is one of the operator's, or leads to one, was valid at the
/// stated time, and is for timestamps.
fn check_trust(
    signed: &Signed<'_>,
    signer: &[u8],
    authorities: &[CertificateDer<'_>],
    time: Timestamp,
) -> Result<SignerTrust, TokenError> {
    if authorities.is_empty() {
        return Ok(SignerTrust::SignatureOnly);
    }
    if authorities.iter().any(|authority| authority.as_ref() == signer) {
        return Ok(SignerTrust::Chain);
    }
    let anchors: Result<Vec<_>, _> = authorities.iter().map(anchor_from_trusted_cert).collect();
    let anchors = anchors.map_err(|error| TokenError::Authority(error.to_string()))?;
    let untrusted = |error: webpki::Error| TokenError::Untrusted(error.to_string());
    let between: Vec<CertificateDer<'_>> = signed
        .certificates
        .iter()
        .filter(|certificate| **certificate != signer)
        .map(|certificate| CertificateDer::from(*certificate))
        .collect();
    let signer = CertificateDer::from(signer);
    let leaf = EndEntityCert::try_from(&signer).map_err(untrusted)?;
    let at = UnixTime::since_unix_epoch(Duration::from_millis(time.unix_millis()));
    let (known, usage) = (webpki::ALL_VERIFICATION_ALGS, KeyUsage::required(TIME_STAMPING));
    match leaf.verify_for_usage(known, &anchors, &between, at, usage, None, None) {
        Ok(_) => Ok(SignerTrust::Chain),
        Err(error) => Err(untrusted(error)),
    }
}
