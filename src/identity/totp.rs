//! One-time codes by time: RFC 6238 with SHA-1, 30 seconds and six digits, which is what every
//! authenticator app reads.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::domain::clock::{Entropy, Timestamp};

/// RFC 4226 section 4, R6: 160 bits.
const SECRET_BYTES: usize = 20;
/// RFC 6238 section 5.2.
const STEP_MS: u64 = 30_000;
/// RFC 6238 section 5.2: one step for a clock that is off, or a slow hand.
const STEPS_OFF: u64 = 1;
const CODE_DIGITS: usize = 6;
/// RFC 4648 section 6.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A fresh secret in base32, as apps take it.
pub(super) fn generate(entropy: &dyn Entropy) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
    entropy.fill(&mut *bytes);
    Zeroizing::new(base32(&*bytes))
}

/// What a QR code of the secret says (the Key URI format).
pub(super) fn uri(account: &str, secret: &str) -> String {
    format!("otpauth://totp/Affiant:{account}?secret={secret}&issuer=Affiant")
}

/// Whether a text is of the form of such a code.
pub(super) fn is_code(text: &str) -> bool {
    text.len() == CODE_DIGITS && text.bytes().all(|b| b.is_ascii_digit())
}

/// The time step around `now` that this is the code of, if it is later than `last`.
pub(super) fn step_of(secret: &str, code: &str, now: Timestamp, last: u64) -> Option<u64> {
    let key = Zeroizing::new(bytes(secret)?);
    let step = now.unix_millis() / STEP_MS;
    let near = step.saturating_sub(STEPS_OFF)..=step.saturating_add(STEPS_OFF);
    near.into_iter()
        .filter(|step| *step > last)
        .find(|step| code_at(&key, *step).is_some_and(|right| same(&right, code)))
}

fn same(right: &str, shown: &str) -> bool {
    bool::from(right.as_bytes().ct_eq(shown.as_bytes()))
}

/// RFC 4226 section 5.3: four bytes of the MAC, from where its last half byte points.
fn code_at(key: &[u8], step: u64) -> Option<String> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).ok()?;
    mac.update(&step.to_be_bytes());
    let mac = mac.finalize().into_bytes();
    let at = usize::from(mac.last()? & 0xf);
    let four: [u8; 4] = mac.get(at..at.checked_add(4)?)?.try_into().ok()?;
    let number = (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000;
    Some(format!("{number:06}"))
}

/// RFC 4648 base32 without padding.
pub(super) fn base32(bytes: &[u8]) -> String {
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| (byte >> (7 - at % 8)) & 1);
    (0..bytes.len() * 8)
        .step_by(5)
        .map(|at| {
            let five = (at..at + 5).fold(0, |five, at| (five << 1) | bit(at));
            BASE32.get(usize::from(five)).map_or('=', |letter| char::from(*letter))
        })
        .collect()
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let mut found = Vec::with_capacity(text.len() * 5 / 8);
    let (mut bits, mut held) = (0_u16, 0);
    for letter in text.bytes() {
        let five = BASE32.iter().position(|known| *known == letter)?;
        bits = (bits << 5) | u16::try_from(five).ok()?;
        held += 5;
        if held >= 8 {
            held -= 8;
            found.push(u8::try_from((bits >> held) & 0xff).ok()?);
        }
    }
    Some(found)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::clock::SystemEntropy;

    /// RFC 6238 appendix B: (seconds, eight digits) of the secret "12345678901234567890" under
    /// SHA-1; six digits are the last six.
    const VECTORS: [(u64, &str); 6] = [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ];

    /// The code that an authenticator shows.
    pub(in crate::identity) fn code_now(secret: &str, now: Timestamp) -> String {
        code_at(&bytes(secret).unwrap(), now.unix_millis() / STEP_MS).unwrap()
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = base32(b"12345678901234567890");
        assert_eq!(secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        for (seconds, eight) in VECTORS {
            let now = Timestamp::from_unix_millis(seconds * 1000);
            let (_, six) = eight.split_at(2);
            assert_eq!(step_of(&secret, six, now, 0), Some(seconds / 30), "{seconds}");
            assert_eq!(step_of(&secret, six, now, seconds / 30), None, "not twice");
        }
    }

    #[test]
    fn a_code_holds_a_step_early_and_a_step_late() {
        let secret = generate(&SystemEntropy);
        assert_eq!(secret.len(), 32);
        let key = bytes(&secret).unwrap();
        assert_eq!(base32(&key), *secret);
        let code = code_at(&key, 1_000).unwrap();
        assert!(is_code(&code));
        let at = |step: u64| Timestamp::from_unix_millis(step * STEP_MS);
        for (step, expected) in
            [(998, None), (999, Some(1_000)), (1_001, Some(1_000)), (1_002, None)]
        {
            // One in a million codes is also that of another step.
            if expected.is_some() || code_at(&key, step) != Some(code.clone()) {
                assert_eq!(step_of(&secret, &code, at(step), 0), expected, "{step}");
            }
        }
        for wrong in ["", "12345", "1234567", "12345a", "not base32"] {
            assert_eq!(step_of(&secret, wrong, at(1_000), 0), None, "{wrong}");
        }
    }
}
