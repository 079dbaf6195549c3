/// Watches a completion for stop strings, and hands out only text that can no longer become the
/// beginning of one.
pub(super) struct Stops<'a> {
    stops: Vec<&'a str>,
    text: String,
    given_bytes: usize,
}

impl<'a> Stops<'a> {
    pub(super) fn new(stops: &'a [String]) -> Self {
        let stops = stops.iter().map(String::as_str).filter(|stop| !stop.is_empty());
        Self { stops: stops.collect(), text: String::new(), given_bytes: 0 }
    }

    /// Takes the whole text so far. Returns true where a stop string occurred: the text then ends
    /// before it.
    pub(super) fn update(&mut self, text: String) -> bool {
        self.text = text;
        let first = self.stops.iter().filter_map(|stop| self.text.find(stop)).min();
        if let Some(at) = first {
            self.text.truncate(at);
        }
        first.is_some()
    }

    /// The new text that is certain. A trailing replacement character may be half a character.
    pub(super) fn certain(&mut self) -> &str {
        let held = self.stops.iter().map(|stop| held_bytes(&self.text, stop)).max().unwrap_or(0);
        let whole = self.text.trim_end_matches(char::REPLACEMENT_CHARACTER).len();
        self.give(self.text.len().saturating_sub(held).min(whole))
    }

    /// Everything that was not handed out yet: the completion is over.
    pub(super) fn rest(&mut self) -> &str {
        self.give(self.text.len())
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn give(&mut self, to: usize) -> &str {
        let from = self.given_bytes;
        self.given_bytes = to.max(from);
        self.text.get(from..to).unwrap_or_default()
    }
}

/// Bytes at the end of `text` that are a beginning of `stop`.
fn held_bytes(text: &str, stop: &str) -> usize {
    let prefixes = stop.char_indices().map(|(at, _)| at).filter(|at| *at > 0);
    let held = prefixes.filter(|at| stop.get(..*at).is_some_and(|part| text.ends_with(part)));
    held.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `pieces` as a growing text; returns what was handed out, and whether it stopped.
    fn run(stops: &[&str], pieces: &[&str]) -> (Vec<String>, bool) {
        let stops: Vec<_> = stops.iter().map(ToString::to_string).collect();
        let mut watch = Stops::new(&stops);
        let (mut text, mut out) = (String::new(), Vec::new());
        for piece in pieces {
            text.push_str(piece);
            let stopped = watch.update(text.clone());
            let part = if stopped { watch.rest() } else { watch.certain() };
            out.push(part.to_owned());
            if stopped {
                return (out, true);
            }
        }
        out.push(watch.rest().to_owned());
        (out, false)
    }

    #[test]
    fn text_is_handed_out_once_and_never_part_of_a_stop_string() {
        type Texts = &'static [&'static str];
        let table: [(Texts, Texts, Texts, bool); 8] = [
            (&[], &["a", "b"], &["a", "b", ""], false),
            (&["\n\n"], &["a\n", "b"], &["a", "\nb", ""], false),
            (&["\n\n"], &["a\n", "\nb"], &["a", ""], true),
            (&["STOP"], &["xST", "OP now"], &["x", ""], true),
            (&["STOP"], &["xST"], &["x", "ST"], false),
            (&["", "é!"], &["dé", "!"], &["d", ""], true),
            (&[], &["a\u{FFFD}"], &["a", "\u{FFFD}"], false),
            (&["b", "ab"], &["xab"], &["x"], true),
        ];
        for (stops, pieces, expected, stopped) in table {
            let (out, ended) = run(stops, pieces);
            assert_eq!(out, expected, "{pieces:?}");
            assert_eq!(ended, stopped, "{pieces:?}");
        }
    }
}
