//! Hashing, checking and generating passwords.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::domain::clock::Entropy;
use crate::domain::limits::{
    PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, PASSWORD_GUESSES_MIN, PASSWORD_NAME_CHARS_MIN,
};

use super::AccountError;

/// OWASP Password Storage Cheat Sheet: m = 19 MiB, t = 2, p = 1.
const PARAMS: Params = match Params::new(19 * 1024, 2, 1, Some(32)) {
    Ok(params) => params,
    Err(_) => Params::DEFAULT,
};
const SALT_BYTES: usize = 16;

/// No `i`, `l`, `o`, `0`, `1`: nobody reads them wrong.
const ALPHABET: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";
const GROUPS: usize = 5;
const GROUP_CHARS: usize = 4;

fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, PARAMS)
}

/// Whether this may be the password of an account: of a good length, and not among the first that
/// anybody tries (ASVS 6.2.4, NIST SP 800-63B section 3.1.1.2). There are no rules on its letters.
///
/// # Errors
/// [`AccountError::BadPassword`], [`AccountError::NamedPassword`], [`AccountError::Guessable`].
pub(super) fn check(password: &str, name: &str) -> Result<(), AccountError> {
    let password = bytes(password);
    if !(PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX).contains(&password.chars().count()) {
        return Err(AccountError::BadPassword);
    }
    // A shorter name stands in many words by chance; it counts for nothing all the same.
    let is_long = name.chars().count() >= PASSWORD_NAME_CHARS_MIN;
    if is_long && Zeroizing::new(password.to_lowercase()).contains(&name.to_lowercase()) {
        return Err(AccountError::NamedPassword);
    }
    // A hundred characters are looked at; that many are not guessed.
    match zxcvbn::zxcvbn(&password, &[name, "affiant"]).guesses() >= PASSWORD_GUESSES_MIN {
        true => Ok(()),
        false => Err(AccountError::Guessable),
    }
}

/// The bytes that are hashed: keyboards compose letters in different ways (RFC 8265 section 4.2,
/// NIST SP 800-63B section 3.1.1.2). No password is longer, and what is must not be hashed in full.
fn bytes(password: &str) -> Zeroizing<String> {
    Zeroizing::new(password.nfc().take(PASSWORD_CHARS_MAX + 1).collect())
}

/// The PHC string of a password.
pub(super) fn hash(
    password: &str,
    entropy: &dyn Entropy,
) -> Result<String, argon2::password_hash::Error> {
    let mut salt = [0; SALT_BYTES];
    entropy.fill(&mut salt);
    Ok(argon2().hash_password_with_salt(bytes(password).as_bytes(), &salt)?.to_string())
}

/// Whether a password is the one hashed. Without a hash it costs the same time and is not.
pub(super) fn matches(password: &str, hash: Option<&str>) -> bool {
    let shown = bytes(password);
    match hash.map(PasswordHash::new) {
        Some(Ok(hash)) => argon2().verify_password(shown.as_bytes(), &hash).is_ok(),
        Some(Err(_)) | None => {
            let spent = argon2().hash_password_with_salt(shown.as_bytes(), &[0; SALT_BYTES]);
            // The answer is no, whatever came out.
            std::hint::black_box(spent).is_ok_and(|_| false)
        }
    }
}

/// A password that is easily read out and typed: 99 bits in five groups of four.
pub(super) fn generate(entropy: &dyn Entropy) -> Zeroizing<String> {
    let mut password = Zeroizing::new(String::with_capacity(GROUPS * (GROUP_CHARS + 1)));
    for at in 0..GROUPS * GROUP_CHARS {
        if at > 0 && at % GROUP_CHARS == 0 {
            password.push('-');
        }
        password.push(letter(entropy));
    }
    password
}

/// Every letter equally often: bytes beyond the last whole multiple are drawn again.
fn letter(entropy: &dyn Entropy) -> char {
    const FAIR: usize = 256 - 256 % ALPHABET.len();
    loop {
        let mut byte = [0];
        entropy.fill(&mut byte);
        let drawn = usize::from(byte[0]);
        if drawn < FAIR
            && let Some(letter) = ALPHABET.get(drawn % ALPHABET.len())
        {
            return char::from(*letter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::SystemEntropy;

    #[test]
    fn a_password_matches_its_own_hash_only() {
        let stored = hash("correct horse", &SystemEntropy).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(matches("correct horse", Some(&stored)));
        for wrong in ["correct hors", "", "correct horse "] {
            assert!(!matches(wrong, Some(&stored)), "{wrong}");
        }
        assert!(!matches("correct horse", None));
        assert!(!matches("correct horse", Some("no hash")));
        let longest = "\u{1f40e}".repeat(PASSWORD_CHARS_MAX);
        let stored_longest = hash(&longest, &SystemEntropy).unwrap();
        assert!(matches(&longest, Some(&stored_longest)));
        assert!(!matches(&format!("{longest}x"), Some(&stored_longest)));
        assert_ne!(hash("correct horse", &SystemEntropy).unwrap(), stored, "salted");
        let stored = hash("na\u{ef}ve caf\u{e9}", &SystemEntropy).unwrap();
        assert!(matches("nai\u{308}ve cafe\u{301}", Some(&stored)), "typed on another keyboard");
        assert!(!matches("naive cafe", Some(&stored)));
    }

    #[test]
    fn what_anybody_tries_first_is_no_password() {
        let verdict = |password: &str, name: &str| match check(password, name) {
            Ok(()) => "good",
            Err(AccountError::BadPassword) => "length",
            Err(AccountError::NamedPassword) => "named",
            Err(AccountError::Guessable) => "guessed",
            Err(_) => "other",
        };
        for (password, name, expected) in [
            ("1234567", "ada", "length"),
            (&"x1 ".repeat(86), "ada", "length"),
            ("password", "ada", "guessed"),
            ("12345678", "ada", "guessed"),
            ("qwertyuiop", "ada", "guessed"),
            ("Passw0rd1", "ada", "guessed"),
            ("aaaaaaaaaaaaaaaa", "ada", "guessed"),
            ("sunshine2024", "ada", "guessed"),
            ("affiant1", "ada", "guessed"),
            ("adaadaada", "ada", "guessed"),
            ("lovelace-by-the-harbour-7", "lovelace", "named"),
            ("by the harbour LoveLace", "lovelace", "named"),
            ("by the harbour with adam", "ada", "good"),
            ("correct horse battery staple", "ada", "good"),
            ("xkqvzbnw", "ada", "good"),
            (
                "\u{1f40e}\u{1f511}\u{1f30a}\u{2693}\u{1f6e5}\u{1f41a}\u{1f980}\u{1f433}",
                "ada",
                "good",
            ),
        ] {
            assert_eq!(verdict(password, name), expected, "{password:?} of {name}");
        }
    }

    #[test]
    fn generated_passwords_are_readable_and_different() {
        let [a, b] = [0, 1].map(|_| generate(&SystemEntropy));
        assert_ne!(a, b);
        let groups: Vec<_> = a.split('-').map(str::len).collect();
        assert_eq!(groups, [4; 5]);
        assert!(a.bytes().all(|byte| byte == b'-' || ALPHABET.contains(&byte)), "{}", *a);
        assert!(check(&a, "ada").is_ok());
    }

    #[test]
    fn every_letter_is_drawn_equally_often() {
        struct Counting(std::sync::Mutex<u8>);
        impl Entropy for Counting {
            fn fill(&self, bytes: &mut [u8]) {
                let mut next = self.0.lock().unwrap();
                for byte in bytes {
                    *byte = *next;
                    *next = next.wrapping_add(1);
                }
            }
        }
        let counting = Counting(std::sync::Mutex::new(0));
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..248 {
            *counts.entry(letter(&counting)).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), ALPHABET.len());
        assert!(counts.values().all(|count| *count == 8), "{counts:?}");
    }
}
