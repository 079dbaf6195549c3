//! Canonical JSON (RFC 8785, integers only) read in one pass and without copies: any spelling but
//! the canonical one is refused. What `canonical` writes, and nothing else, reads here.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::canonical::INTEGER_MAX;

/// Lists and objects within each other; `canonical::decode` allows as many.
const DEPTH_MAX: usize = 127;

/// One JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    Text(Cow<'a, str>),
    List(Vec<Self>),
    Fields(Fields<'a>),
}

/// The fields of an object, in canonical order.
pub(super) type Fields<'a> = Vec<(Cow<'a, str>, Node<'a>)>;

impl<'a> Node<'a> {
    /// The value that these are the canonical bytes of.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader { rest: std::str::from_utf8(bytes).ok()? };
        let node = reader.node(0)?;
        reader.rest.is_empty().then_some(node)
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::List(_) | Self::Fields(_) => None,
        }
    }

    pub(super) fn unsigned(&self) -> Option<u64> {
        match self {
            Self::Integer(number) => u64::try_from(*number).ok(),
            Self::Null | Self::Bool(_) | Self::Text(_) | Self::List(_) | Self::Fields(_) => None,
        }
    }

    pub(super) fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::Text(_) | Self::Fields(_) => None,
        }
    }

    pub(super) fn fields(&self) -> Option<&Fields<'a>> {
        match self {
            Self::Fields(fields) => Some(fields),
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::Text(_) | Self::List(_) => None,
        }
    }

    /// The field of this name, where this is an object that has it.
    pub(super) fn field(&self, name: &str) -> Option<&Self> {
        self.fields()?.iter().find(|(known, _)| known == name).map(|(_, node)| node)
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn take(&mut self, token: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(token)?;
        Some(())
    }

    fn next(&self) -> Option<u8> {
        self.rest.as_bytes().first().copied()
    }

    fn node(&mut self, depth: usize) -> Option<Node<'a>> {
        match self.next()? {
            b'"' => self.text().map(Node::Text),
            b'{' => self.object(depth + 1),
            b'[' => self.items(depth + 1),
            b'n' => self.take("null").map(|()| Node::Null),
            b't' => self.take("true").map(|()| Node::Bool(true)),
            b'f' => self.take("false").map(|()| Node::Bool(false)),
            _ => self.integer(),
        }
    }

    fn integer(&mut self) -> Option<Node<'a>> {
        let digits = self.rest.strip_prefix('-').unwrap_or(self.rest);
        let count = digits.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = digits.split_at_checked(count)?;
        let negative = self.rest.starts_with('-');
        let spelled = digits == "0" && !negative || !digits.starts_with('0');
        let magnitude: u64 = digits.parse().ok().filter(|m| spelled && *m <= INTEGER_MAX)?;
        self.rest = rest;
        let number = i64::try_from(magnitude).ok()?;
        Some(Node::Integer(if negative { -number } else { number }))
    }

    fn items(&mut self, depth: usize) -> Option<Node<'a>> {
        self.take("[")?;
        let mut items = Vec::new();
        if depth > DEPTH_MAX {
            return None;
        }
        while self.next()? != b']' {
            if !items.is_empty() {
                self.take(",")?;
            }
            items.push(self.node(depth)?);
        }
        self.take("]")?;
        Some(Node::List(items))
    }

    fn object(&mut self, depth: usize) -> Option<Node<'a>> {
        self.take("{")?;
        let mut fields: Fields<'a> = Vec::new();
        if depth > DEPTH_MAX {
            return None;
        }
        while self.next()? != b'}' {
            if !fields.is_empty() {
                self.take(",")?;
            }
            let name = self.text()?;
            if fields.last().is_some_and(|(last, _)| order(last, &name) != Ordering::Less) {
                return None;
            }
            self.take(":")?;
            fields.push((name, self.node(depth)?));
        }
        self.take("}")?;
        Some(Node::Fields(fields))
    }

    fn text(&mut self) -> Option<Cow<'a, str>> {
        self.take("\"")?;
        let mut unescaped: Option<String> = None;
        loop {
            let plain = self.rest.bytes().position(|b| matches!(b, b'"' | b'\\' | 0x00..=0x1f))?;
            let (piece, rest) = self.rest.split_at_checked(plain)?;
            self.rest = rest;
            if self.take("\"").is_some() {
                return Some(match unescaped {
                    None => Cow::Borrowed(piece),
                    Some(text) => Cow::Owned(text + piece),
                });
            }
            let text = unescaped.get_or_insert_default();
            text.push_str(piece);
            text.push(self.escape()?);
        }
    }

    /// RFC 8785 section 3.2.2.2: each character that must be escaped has one way.
    fn escape(&mut self) -> Option<char> {
        self.take("\\")?;
        let (kind, rest) = self.rest.split_at_checked(1)?;
        self.rest = rest;
        Some(match kind {
            "\"" => '"',
            "\\" => '\\',
            "b" => '\u{8}',
            "t" => '\t',
            "n" => '\n',
            "f" => '\u{c}',
            "r" => '\r',
            "u" => {
                let (digits, rest) = self.rest.split_at_checked(4)?;
                self.rest = rest;
                let code = u32::from_str_radix(digits, 16).ok()?;
                let short = matches!(code, 0x08 | 0x09 | 0x0a | 0x0c | 0x0d);
                let spelled = format!("{code:04x}") == digits && code < 0x20 && !short;
                char::from_u32(code).filter(|_| spelled)?
            }
            _ => return None,
        })
    }
}

/// Section 3.2.3: names are sorted by their UTF-16 code units.
fn order(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() {
        return a.cmp(b);
    }
    a.encode_utf16().cmp(b.encode_utf16())
}

#[cfg(test)]
mod tests {
    use super::super::canonical::{decode, encode};
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    fn value(node: &Node<'_>) -> Value {
        match node {
            Node::Null => Value::Null,
            Node::Bool(bool) => json!(bool),
            Node::Integer(number) => json!(number),
            Node::Text(text) => json!(text),
            Node::List(items) => items.iter().map(value).collect(),
            Node::Fields(fields) => {
                let fields = fields.iter().map(|(name, node)| (name.to_string(), value(node)));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        }
    }

    /// Both readers take the same bytes for the same value.
    fn check(bytes: &[u8]) {
        let (one, other) = (Node::parse(bytes).map(|node| value(&node)), decode(bytes));
        assert_eq!(one, other, "{:?}", String::from_utf8_lossy(bytes));
    }

    #[test]
    fn only_the_canonical_spelling_reads() {
        for text in [
            r#"{"a":1,"b":[null,true,false,-7,"x"]}"#,
            r#"{"b":[],"a":1}"#,
            r#"{"a":1, "b":[]}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,}"#,
            r#"{,"a":1}"#,
            r#"[1,]"#,
            r#"[,1]"#,
            r#"[1 ]"#,
            "[1]\n",
            "-0",
            "0",
            "00",
            "01",
            "-1",
            "-",
            "+1",
            "1e0",
            "1.0",
            "9007199254740991",
            "-9007199254740991",
            "9007199254740992",
            "99999999999999999999",
            r#""\u0000\u001f\b\t\n\f\r\"\\""#,
            r#""\u0008""#,
            r#""\u001F""#,
            r#""\u+01f""#,
            r#""\u0041""#,
            r#""\/""#,
            r#""\ud83d\ude00""#,
            r#""\u00""#,
            "\"\u{7f}\u{80}\u{1f600}\"",
            "\"\t\"",
            "\"",
            "nul",
            "nulll",
            "",
            "{\"\u{fb33}\":1,\"\u{1f600}\":2}",
            "{\"\u{1f600}\":2,\"\u{fb33}\":1}",
            "{\"z\":1,\"\u{e9}\":2}",
        ] {
            check(text.as_bytes());
        }
        check(b"\"\xff\"");
        for depth in [126, 127, 128, 129] {
            check(("[".repeat(depth) + &"]".repeat(depth)).as_bytes());
            check(("{\"a\":".repeat(depth) + "1" + &"}".repeat(depth)).as_bytes());
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            ".{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(".{0,4}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_canonical_text_reads_back(value in any_value()) {
            let bytes = encode(&value).unwrap();
            prop_assert!(Node::parse(&bytes).is_some());
            check(&bytes);
        }

        #[test]
        fn both_readers_refuse_the_same_changes(
            value in any_value(),
            at in any::<proptest::sample::Index>(),
            byte in any::<u8>(),
            cut in any::<bool>(),
        ) {
            let mut bytes = encode(&value).unwrap();
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] = byte }
            check(&bytes);
        }
    }
}
