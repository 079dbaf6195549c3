//! HTML: its visible text as one page. Block elements break lines; what no reader sees is left out.

use std::collections::HashSet;
use std::ptr;

use scraper::node::Element;
use scraper::{ElementRef, Html, Node, Selector};

use super::decode::Decoded;
use super::headings::one_page;
use super::pages::CELL;
use super::{Heading, Kind, Parsed};

/// Elements that show nothing of the text in them.
const SILENT: &[&str] = &[
    "applet", "audio", "canvas", "datalist", "embed", "head", "iframe", "math", "noframes",
    "noscript", "object", "script", "style", "svg", "template", "video",
];
/// Elements that stand on lines of their own.
const BLOCKS: &[&str] = &[
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "caption",
    "center",
    "dd",
    "details",
    "dialog",
    "dir",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "header",
    "hgroup",
    "hr",
    "html",
    "legend",
    "li",
    "main",
    "menu",
    "nav",
    "ol",
    "option",
    "pre",
    "section",
    "summary",
    "table",
    "tr",
    "ul",
];
/// Blocks with a blank line around them.
const PARAGRAPHS: &[&str] = &["p", "h1", "h2", "h3", "h4", "h5", "h6"];
/// Style rules that are looked at for hidden elements.
const RULES_MAX: usize = 1_000;

/// One page of visible text, its headings and title.
#[expect(clippy::needless_pass_by_value, reason = "one shape for all readers of text")]
pub(super) fn parse(decoded: Decoded) -> Parsed {
    let page = Html::parse_document(&decoded.text);
    let concealed = concealed_by_rules(&page);
    let mut writer = Writer::default();
    let mut unseen = decoded.unseen;
    // Walks without recursion: markup may be nested as deep as the file is long.
    let mut next = Some(page.tree.root());
    while let Some(node) = next {
        let mut inside = true;
        match node.value() {
            Node::Text(text) => writer.text(text),
            Node::Element(element) => {
                let hidden = concealed.contains(&ptr::from_ref(element)) || is_concealed(element);
                inside = !hidden && !SILENT.contains(&element.name());
                if inside {
                    writer.open(element.name());
                } else if hidden {
                    unseen += ElementRef::wrap(node).map_or(0, chars_of);
                }
            }
            Node::Document
            | Node::Fragment
            | Node::Doctype(_)
            | Node::Comment(_)
            | Node::ProcessingInstruction(_) => {}
        }
        next = node.first_child().filter(|_| inside);
        let mut up = Some(node);
        while let (None, Some(done)) = (next, up) {
            if let Node::Element(element) = done.value()
                && (inside || done != node)
            {
                writer.close(element.name());
            }
            next = done.next_sibling();
            up = done.parent();
        }
    }
    let (text, headings) = writer.finish();
    let title = title(&page).or_else(|| first_heading(&text, &headings)).unwrap_or_default();
    one_page(Kind::Html, title, text, headings, unseen)
}

fn title(page: &Html) -> Option<String> {
    let selector = Selector::parse("head > title").ok()?;
    let text: String = page.select(&selector).next()?.text().collect();
    (!text.trim().is_empty()).then_some(text)
}

fn first_heading(text: &str, headings: &[Heading]) -> Option<String> {
    let heading = headings.iter().find(|heading| heading.level == 1)?;
    let words = text.chars().skip(heading.start as usize);
    Some(words.take((heading.end - heading.start) as usize).collect())
}

/// Hidden by its own attributes.
fn is_concealed(element: &Element) -> bool {
    element.attr("hidden").is_some() || element.attr("style").is_some_and(conceals)
}

/// Whether style declarations make text invisible: not shown, transparent, or of no size.
fn conceals(style: &str) -> bool {
    style.split(';').any(|declaration| {
        let Some((property, value)) = declaration.split_once(':') else { return false };
        let value = value.trim().trim_end_matches("!important").trim().to_ascii_lowercase();
        let zero = || {
            let number: String =
                value.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
            number.parse::<f32>().is_ok_and(|n| n < 0.05)
        };
        match property.trim().to_ascii_lowercase().as_str() {
            "display" => value == "none",
            "visibility" => value == "hidden" || value == "collapse",
            "opacity" | "font-size" => zero(),
            "color" => value == "transparent",
            _ => false,
        }
    })
}

/// Elements that the page's own style sheets conceal, by rules outside media queries.
fn concealed_by_rules(page: &Html) -> HashSet<*const Element> {
    let mut found = HashSet::new();
    let Ok(styles) = Selector::parse("style") else { return found };
    for style in page.select(&styles) {
        let css: String = style.text().collect();
        for rule in css.split('}').take(RULES_MAX) {
            if let Some((selector, body)) = rule.rsplit_once('{')
                && conceals(body)
                && !selector.contains(['@', '{'])
                && let Ok(selector) = Selector::parse(selector.trim())
            {
                found.extend(page.select(&selector).map(|element| ptr::from_ref(element.value())));
            }
        }
    }
    found
}

/// Characters of the text in an element.
fn chars_of(element: ElementRef<'_>) -> usize {
    element.text().map(|text| text.trim().chars().count()).sum()
}

/// Writes text with white space collapsed as browsers do, and notes headings.
#[derive(Default)]
struct Writer {
    text: String,
    chars: u32,
    /// White space owed before the next word: nothing, a space, a line or a blank line.
    owed: Option<&'static str>,
    preformatted: u32,
    heading: Option<(u8, u32)>,
    headings: Vec<Heading>,
}

impl Writer {
    fn owe(&mut self, space: &'static str) {
        // The strongest wins: a blank line over a line over the next cell over a space.
        let rank = |space: &str| [SPACE, CELL, LINE, BLANK].iter().position(|own| *own == space);
        if self.owed.is_none_or(|owed| rank(space) > rank(owed)) {
            self.owed = Some(space);
        }
    }

    fn push(&mut self, text: &str) {
        self.chars += text.chars().count() as u32;
        self.text.push_str(text);
    }

    fn word(&mut self, word: &str) {
        if let Some(owed) = self.owed.take()
            && !self.text.is_empty()
        {
            self.push(owed);
        }
        self.push(word);
    }

    fn text(&mut self, text: &str) {
        for (index, line) in text.split('\n').enumerate() {
            if index > 0 {
                self.owe(if self.preformatted > 0 { LINE } else { SPACE });
            }
            let mut words = line.split(char::is_whitespace).filter(|word| !word.is_empty());
            if line.starts_with(char::is_whitespace) {
                self.owe(SPACE);
            }
            if let Some(first) = words.next() {
                self.word(first);
                for word in words {
                    self.owe(SPACE);
                    self.word(word);
                }
                if line.ends_with(char::is_whitespace) {
                    self.owe(SPACE);
                }
            }
        }
    }

    fn open(&mut self, name: &str) {
        self.edge(name);
        match name {
            "br" => self.owe(LINE),
            "pre" | "textarea" => self.preformatted += 1,
            "td" | "th" => self.owe(CELL),
            "li" => self.word("• "),
            _ => {}
        }
        if let Some(level) = rank(name) {
            // The heading begins where its first word will stand.
            if let Some(owed) = self.owed.take()
                && !self.text.is_empty()
            {
                self.push(owed);
            }
            self.heading = Some((level, self.chars));
        }
    }

    fn close(&mut self, name: &str) {
        if matches!(name, "pre" | "textarea") {
            self.preformatted = self.preformatted.saturating_sub(1);
        }
        if rank(name).is_some()
            && let Some((level, start)) = self.heading.take()
            && self.chars > start
        {
            self.headings.push(Heading { page: 1, start, end: self.chars, level });
        }
        self.edge(name);
    }

    fn edge(&mut self, name: &str) {
        if PARAGRAPHS.contains(&name) {
            self.owe(BLANK);
        } else if BLOCKS.contains(&name) {
            self.owe(LINE);
        }
    }

    fn finish(self) -> (String, Vec<Heading>) {
        (self.text, self.headings)
    }
}

const SPACE: &str = " ";
const LINE: &str = "\n";
const BLANK: &str = "\n\n";

fn rank(name: &str) -> Option<u8> {
    match name.as_bytes() {
        [b'h', digit @ b'1'..=b'6'] => Some(digit - b'0'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::document::slice_chars;

    fn read(html: &str) -> Parsed {
        parse(Decoded { text: html.to_owned(), unseen: 0 })
    }

    #[test]
    fn only_what_a_reader_sees_is_text() {
        let table = [
            ("<p>One <b>two</b>\n three<p>Four", "One two three\n\nFour"),
            ("a<script>x()</script><style>p{}</style>b", "ab"),
            ("a<div hidden>no</div>b", "ab"),
            ("a <span style='DISPLAY : none !important'>no</span> b", "a b"),
            ("a <span style='font-size:0px'>no</span> b", "a b"),
            ("a <span style='font-size:0.9em'>yes</span> b", "a yes b"),
            (
                "<style>.x, #y { color: red; display:none }</style>a<i class=x>no</i><b id=y>no</b>",
                "a",
            ),
            ("<style>@media print { .x { display:none } }</style>a<i class=x>b</i>", "ab"),
            ("<ul><li>one<li>two</ul>after", "• one\n• two\nafter"),
            ("<table><tr><th>a<th>b<tr><td><td>c</table>d", "a | b\nc\nd"),
            ("<table><tr><td><p>a</p><td><p>b</p></table>", "a\n\nb"),
            ("<pre>a\n  b</pre>c", "a\nb\nc"),
            ("a<br>b<!-- no -->", "a\nb"),
            ("<noscript>no</noscript><template>no</template>x", "x"),
            ("caf&eacute; &lt;5 &nbsp; mg", "café <5 mg"),
        ];
        for (html, expected) in table {
            assert_eq!(read(html).pages[0].text, expected, "{html}");
        }
    }

    #[test]
    fn hidden_words_are_reported_and_scripts_are_not() {
        assert!(read("<script>x</script><p>a").warnings.is_empty());
        let parsed = read("<p>a<p hidden>bcd");
        assert_eq!(parsed.warnings.len(), 1);
        assert!(parsed.warnings[0].detail.starts_with("3 "));
    }

    #[test]
    fn headings_and_title_are_found() {
        let parsed = read("<title> My\nTitle </title><p>x<h1>Öne <i>two</i></h1>y<h3>z</h3>");
        let text = &parsed.pages[0].text;
        assert_eq!(parsed.title.trim(), "My\nTitle");
        let found: Vec<_> = parsed
            .headings
            .iter()
            .map(|h| (h.level, slice_chars(text, h.start, h.end).unwrap()))
            .collect();
        assert_eq!(found, [(1, "Öne two"), (3, "z")]);
        assert_eq!(read("<h1>Only</h1>").title, "Only");
    }

    #[test]
    fn deep_nesting_is_walked_without_recursion() {
        let deep = format!("{}x", "<div>".repeat(20_000));
        assert_eq!(read(&deep).pages[0].text, "x");
    }
}
