//! Reads Rust far enough to see which rooms and crates a file names: no comments, no texts.

/// The source with comments, texts and character literals blanked; lines stay where they are.
pub(crate) fn code_only(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let skip = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            'r' | 'b' if !ends_in_word(&code) => raw_text(rest).unwrap_or(0),
            '"' => quoted(rest),
            '\'' => character(rest).unwrap_or(0),
            _ => 0,
        };
        if skip == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.extend(rest[..skip].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[skip..];
        }
    }
    code
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn ends_in_word(text: &str) -> bool {
    text.chars().next_back().is_some_and(is_word)
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_u32, 0);
    while at < rest.len() {
        let left = &rest[at..];
        if left.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if left.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += left.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// `r"…"`, `r#"…"#` and their `b` forms.
fn raw_text(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix('b').unwrap_or(rest).strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = body.find(&close).map_or(body.len(), |at| at + close.len());
    Some(rest.len() - body.len() + end)
}

fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A character literal; `None` for a lifetime.
fn character(rest: &str) -> Option<usize> {
    let body = &rest[1..];
    if body.starts_with('\\') {
        return body[2..].find('\'').map(|at| at + 4);
    }
    let first = body.chars().next()?;
    body[first.len_utf8()..].starts_with('\'').then(|| first.len_utf8() + 2)
}

/// The 1-based line of a byte offset.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// The word that a text begins with.
fn first_word(text: &str) -> &str {
    let text = text.trim_start();
    text.split(|c| !is_word(c)).next().unwrap_or_default()
}

/// The names that a path goes on with: one, or each of a group in braces.
fn next_names(rest: &str) -> Vec<&str> {
    let rest = rest.trim_start();
    let Some(group) = rest.strip_prefix('{') else { return vec![first_word(rest)] };
    let (mut depth, mut start, mut names) = (0_u32, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(first_word(&group[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(first_word(&group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Every room that this code names, with its line: `crate::room`, `use crate::{room, …}`, and
/// chains of `super::` that are long enough to leave the room.
pub(crate) fn imports(code: &str, depth: usize) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let before = &code[..at];
        if !ends_in_word(before) && !before.ends_with('$') && !before.ends_with(':') {
            let names = next_names(&code[at + "crate::".len()..]);
            found.extend(names.iter().map(|name| (line_of(code, at), (*name).to_owned())));
        }
    }
    for (at, _) in code.match_indices("super::") {
        let before = &code[..at];
        if ends_in_word(before) || before.ends_with("super::") {
            continue;
        }
        let mut rest = &code[at..];
        let mut steps = 0;
        while let Some(shorter) = rest.strip_prefix("super::") {
            (rest, steps) = (shorter, steps + 1);
        }
        if steps >= depth {
            let names = next_names(rest);
            found.extend(names.iter().map(|name| (line_of(code, at), (*name).to_owned())));
        }
    }
    found
}

/// Where this code names an outside crate.
pub(crate) fn mentions(code: &str, vendor: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    for (at, _) in code.match_indices(vendor) {
        let (before, after) = (&code[..at], &code[at + vendor.len()..]);
        let inside = ends_in_word(before) || before.trim_end().ends_with(['.', ':']);
        let absolute = before.ends_with("::") && !ends_in_word(&before[..before.len() - 2]);
        let starts_path = after.starts_with("::");
        let last = before.trim_end();
        let is_use = ["use", "extern crate"].iter().any(|word| last.ends_with(word))
            && !after.starts_with(is_word);
        if (!inside || absolute) && (starts_path || is_use) {
            lines.push(line_of(code, at));
        }
    }
    lines
}
