//! The provider's public keys, and signatures by them.
//!
//! Sources: RFC 7515 (JWS, compact form), RFC 7517 (JWK), RFC 7518 section 3 (algorithms), RFC 8037
//! (Ed25519), RFC 8725 (what goes wrong with them). The algorithm is one of four that take a key
//! pair; `none` and the shared-secret ones do not exist here, and a key serves its own kind alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

use super::token::TokenFault;

/// Keys of one set; a provider has two or three.
const KEYS_MAX: usize = 100;

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
enum Algorithm {
    RS256,
    PS256,
    ES256,
    #[serde(alias = "Ed25519")]
    EdDSA,
}

enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

struct PublicKey {
    kid: Option<String>,
    /// The one algorithm that it serves, where its owner says so.
    only: Option<Algorithm>,
    material: Material,
}

/// The keys that a provider signs with.
pub(super) struct KeySet(Vec<PublicKey>);

#[derive(Deserialize)]
struct Published {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<Value>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: Value,
    kid: Option<String>,
    crit: Option<Value>,
}

impl KeySet {
    /// Reads a JWK set; keys of other kinds and purposes are passed over, as RFC 7517 section 5 has
    /// it.
    pub(super) fn parse(json: &[u8]) -> Option<Self> {
        let published: Published = serde_json::from_slice(json).ok()?;
        let keys = published.keys.into_iter().take(KEYS_MAX).filter_map(PublicKey::read);
        Some(Self(keys.collect()))
    }

    /// The claims of a token that one of these keys has signed.
    pub(super) fn open(&self, token: &str) -> Result<Value, TokenFault> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenFault::Malformed)?;
        let header: Header = parsed(header)?;
        // Extensions that must be understood are not (RFC 7515 section 4.1.11).
        if header.crit.is_some() {
            return Err(TokenFault::Malformed);
        }
        let algorithm: Algorithm =
            serde_json::from_value(header.alg).map_err(|_| TokenFault::Algorithm)?;
        let signature = decoded(signature).ok_or(TokenFault::Malformed)?;
        let key = self.key(header.kid.as_deref(), algorithm)?;
        if !key.verifies(algorithm, signed.as_bytes(), &signature) {
            return Err(TokenFault::Signature);
        }
        parsed(claims)
    }

    /// The one key that can be meant: by its id, or the only one of its kind.
    fn key(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&PublicKey, TokenFault> {
        let named = |key: &&PublicKey| kid.is_none_or(|kid| key.kid.as_deref() == Some(kid));
        let mut known = self.0.iter().filter(named).peekable();
        if known.peek().is_none() {
            return Err(TokenFault::UnknownKey);
        }
        let mut fitting = known.filter(|key| key.serves(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) => Err(TokenFault::UnknownKey),
            (None, _) => Err(TokenFault::Algorithm),
        }
    }
}

impl PublicKey {
    fn read(jwk: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(jwk).ok()?;
        if jwk.purpose.is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let field = |text: &Option<String>| decoded(text.as_deref()?);
        let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => Material::Rsa { n: field(&jwk.n)?, e: field(&jwk.e)? },
            ("EC", Some("P-256")) => {
                let (x, y) = (field(&jwk.x)?, field(&jwk.y)?);
                // SEC 1 section 2.3.3: an uncompressed point.
                Material::P256([&[4][..], &x, &y].concat())
            }
            ("OKP", Some("Ed25519")) => Material::Ed25519(field(&jwk.x)?),
            _ => return None,
        };
        let only = match jwk.alg {
            Some(alg) => Some(serde_json::from_value(alg).ok()?),
            None => None,
        };
        Some(Self { kid: jwk.kid, only, material })
    }

    fn serves(&self, algorithm: Algorithm) -> bool {
        let fits = match self.material {
            Material::Rsa { .. } => matches!(algorithm, Algorithm::RS256 | Algorithm::PS256),
            Material::P256(_) => algorithm == Algorithm::ES256,
            Material::Ed25519(_) => algorithm == Algorithm::EdDSA,
        };
        fits && self.only.is_none_or(|only| only == algorithm)
    }

    fn verifies(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        let outcome = match &self.material {
            Material::Rsa { n, e } => {
                let parameters = match algorithm {
                    Algorithm::PS256 => &RSA_PSS_2048_8192_SHA256,
                    Algorithm::RS256 | Algorithm::ES256 | Algorithm::EdDSA => {
                        &RSA_PKCS1_2048_8192_SHA256
                    }
                };
                RsaPublicKeyComponents { n, e }.verify(parameters, signed, signature)
            }
            Material::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature)
            }
            Material::Ed25519(point) => {
                UnparsedPublicKey::new(&ED25519, point).verify(signed, signature)
            }
        };
        outcome.is_ok()
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn parsed<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, TokenFault> {
    let bytes = decoded(part).ok_or(TokenFault::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenFault::Malformed)
}
