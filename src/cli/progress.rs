//! Progress for people: bars on a terminal, lines over the socket.

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc::SyncSender;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::models::Progress;

/// Progress on stderr: a bar on a terminal, nothing elsewhere.
pub(super) struct Bar {
    bar: ProgressBar,
}

impl Bar {
    pub(super) fn start() -> Self {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self { bar: ProgressBar::with_draw_target(None, target) }
    }

    pub(super) fn say(&self, text: &str) {
        self.bar.set_message(text.to_owned());
        self.bar.tick();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Bar {
    fn stage(&self, text: &str, total: Option<u64>) {
        let template = if total.is_some() {
            "{spinner} {msg} [{bar:30}] {pos}/{len} {eta}"
        } else {
            "{spinner} {msg} {elapsed}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        self.bar.set_length(total.unwrap_or(0));
        self.bar.set_position(0);
        self.say(text);
    }

    fn advance(&self, n: u64) {
        self.bar.inc(n);
    }
}

/// Progress sent to the command that waits at the other end of the socket.
pub(super) struct Relay {
    sender: Mutex<SyncSender<String>>,
}

impl Relay {
    pub(super) fn new(sender: SyncSender<String>) -> Self {
        Self { sender: Mutex::new(sender) }
    }
}

impl Progress for Relay {
    fn stage(&self, text: &str, _total: Option<u64>) {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        // A full or closed channel loses progress, nothing else.
        if sender.try_send(text.to_owned()).is_err() {
            tracing::trace!("progress was not delivered");
        }
    }

    fn advance(&self, _n: u64) {}
}
