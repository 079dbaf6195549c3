//! One's own account: password, second factor, sessions and tokens.

use askama::Template;
use qrcode::{Color, EcLevel, QrCode};

use super::frame::{Frame, Moment};

/// Modules of light around a QR code (ISO/IEC 18004): without them readers do not find it.
const QUIET: usize = 4;

/// `GET /account`.
#[derive(Template)]
#[template(path = "account.html")]
pub struct AccountPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What must be done before anything else, in a sentence.
    pub first: Option<&'static str>,
    /// What went wrong with what was just sent.
    pub problem: Option<String>,
    /// What was just done, in a sentence.
    pub done: Option<&'static str>,
    /// What the organisation's provider is called, for those who sign in through it: they have no
    /// password and no second factor here.
    pub provider: Option<String>,
    /// Whether its owner chose the password.
    pub password_is_own: bool,
    /// The second factor in force: since when, and how many recovery codes are left.
    pub second_factor: Option<(Moment, usize)>,
    /// Sessions.
    pub sessions: Vec<SessionLine>,
    /// Tokens of scripts.
    pub tokens: Vec<SessionLine>,
}

impl AccountPage {
    /// Whether they are signed in elsewhere too.
    pub(crate) fn has_other_sessions(&self) -> bool {
        self.sessions.iter().any(|session| !session.is_this)
    }
}

/// A session or token.
#[derive(Clone, Debug)]
pub struct SessionLine {
    /// Its id.
    pub id: String,
    /// What its owner calls it.
    pub label: String,
    /// What it is limited to, for people.
    pub scope: String,
    /// When it began.
    pub created: Moment,
    /// When it was last used.
    pub last_used: Moment,
    /// When it ends at the latest.
    pub expires: Moment,
    /// Whether its owner issued it.
    pub is_own: bool,
    /// Whether this page was asked for with it.
    pub is_this: bool,
}

/// `GET /account/confirm`, and again after a failed `POST`.
#[derive(Template)]
#[template(path = "confirm.html")]
pub struct ConfirmPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where to go afterwards: a local path, checked by the caller.
    pub next: Option<String>,
    /// Why it failed, in words that do not tell which part was wrong.
    pub problem: Option<String>,
    /// Whether a code is to be shown too.
    pub has_second_factor: bool,
    /// Where the organisation's provider asks instead, for those who sign in there.
    pub provider: Option<String>,
}

/// `POST /account/second-factor`: what an authenticator is given.
#[derive(Template)]
#[template(path = "second_factor.html")]
pub struct SecondFactorPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The secret in base32.
    pub secret: String,
    /// The same as an `otpauth://` URI.
    pub uri: String,
    /// The same to be scanned.
    pub picture: QrPicture,
    /// What was wrong with the code that was shown.
    pub problem: Option<String>,
}

/// What is shown once: recovery codes, or a token.
#[derive(Template)]
#[template(path = "shown_once.html")]
pub struct ShownOncePage {
    /// What surrounds it.
    pub frame: Frame,
    /// What it is.
    pub title: &'static str,
    /// What to do with it.
    pub lead: String,
    /// The codes, or the token.
    pub secrets: Vec<String>,
}

/// A QR code as the path of its dark modules.
#[derive(Clone, Debug, Default)]
pub struct QrPicture {
    /// Modules on a side, with the quiet ones.
    pub side: usize,
    /// One rectangle for each run of dark modules, in SVG's words.
    pub path: String,
}

impl QrPicture {
    /// The code of a text; none where it is too long for one.
    pub fn of(text: &str) -> Self {
        let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::M) else {
            return Self::default();
        };
        let mut path = String::new();
        for (y, row) in code.to_colors().chunks(code.width()).enumerate() {
            let mut x = 0;
            for run in row.chunk_by(|one, next| one == next) {
                if run.first() == Some(&Color::Dark) {
                    let (len, left, top) = (run.len(), x + QUIET, y + QUIET);
                    path.push_str(&format!("M{left} {top}h{len}v1h-{len}z"));
                }
                x += run.len();
            }
        }
        Self { side: code.width() + 2 * QUIET, path }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_every_dark_module_of_its_code_and_no_other() {
        let text = "otpauth://totp/Affiant:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        let code = QrCode::with_error_correction_level(text, EcLevel::M).unwrap();
        let picture = QrPicture::of(text);
        assert_eq!(picture.side, code.width() + 8);
        let dark = code.to_colors().iter().filter(|color| **color == Color::Dark).count();
        let drawn: usize = picture
            .path
            .split('h')
            .skip(1)
            .filter_map(|rest| rest.split('v').next()?.parse::<usize>().ok())
            .sum();
        assert_eq!(drawn, dark);
        assert!(picture.path.starts_with("M4 4h7v1h-7z"), "the corner: {}", picture.path);
        assert_eq!(QrPicture::of(&"x".repeat(10_000)).side, 0);
    }
}
