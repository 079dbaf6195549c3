//! XML, an element at a time: no document types, no entities but XML's own, bounds on depth and
//! size. Names are local names: office files use one vocabulary to a part.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use crate::document::guard::Watch;
use crate::document::reason::{Reason, Unreadable};

/// Elements in elements; Word stays below 60.
const DEPTH_MAX: usize = 256;
/// Elements and attributes held at a time: a table of 100,000 cells.
const NODES_MAX: usize = 1_000_000;

/// An element with all that is in it.
#[derive(Debug, Default)]
pub(in crate::document) struct Element {
    /// Its local name.
    pub(in crate::document) name: Box<str>,
    attributes: Vec<(Box<str>, Box<str>)>,
    /// What is in it, in order.
    pub(in crate::document) children: Vec<Node>,
}

/// What an element holds.
#[derive(Debug)]
pub(in crate::document) enum Node {
    /// An element.
    Element(Element),
    /// Text.
    Text(String),
}

impl Element {
    /// The value of an attribute, by its local name.
    pub(in crate::document) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| **own == *name).map(|(_, value)| &**value)
    }

    /// The elements in it.
    pub(in crate::document) fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The first element of this name in it.
    pub(in crate::document) fn child(&self, name: &str) -> Option<&Self> {
        self.elements().find(|element| *element.name == *name)
    }

    /// The `val` of a property in it: `<w:jc w:val="left"/>`.
    pub(in crate::document) fn value(&self, name: &str) -> Option<&str> {
        self.child(name)?.attribute("val")
    }

    /// A property that is on or off: on where it stands without a value.
    pub(in crate::document) fn toggle(&self, name: &str) -> Option<bool> {
        let property = self.child(name)?;
        let off = |value: &str| matches!(value, "0" | "false" | "off" | "none");
        Some(!property.attribute("val").is_some_and(off))
    }

    /// All text in it, at any depth.
    pub(in crate::document) fn text(&self) -> String {
        let mut text = String::new();
        self.push_text(&mut text);
        text
    }

    fn push_text(&self, text: &mut String) {
        for node in &self.children {
            match node {
                Node::Element(element) => element.push_text(text),
                Node::Text(own) => text.push_str(own),
            }
        }
    }

    /// Whether `test` holds for an element in it, at any depth.
    pub(in crate::document) fn any(&self, test: &dyn Fn(&Self) -> bool) -> bool {
        self.elements().any(|element| test(element) || element.any(test))
    }
}

/// Reads a part.
pub(in crate::document) struct Xml<'a> {
    reader: Reader<&'a [u8]>,
    watch: &'a Watch,
    depth: usize,
    nodes: usize,
}

impl<'a> Xml<'a> {
    /// A reader of a part's text; see [`decoded`].
    pub(in crate::document) fn new(text: &'a str, watch: &'a Watch) -> Self {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, watch, depth: 0, nodes: 0 }
    }

    /// A whole part, where it is small.
    pub(in crate::document) fn whole(
        text: &'a str,
        watch: &'a Watch,
    ) -> Result<Element, Unreadable> {
        let mut xml = Self::new(text, watch);
        let root = xml.open()?.ok_or_else(|| malformed("a part is empty"))?;
        xml.rest(root)
    }

    /// The next element that begins, at any depth, with nothing in it yet.
    pub(in crate::document) fn open(&mut self) -> Result<Option<Element>, Unreadable> {
        self.nodes = 0;
        loop {
            match self.event()? {
                Event::Start(start) => return self.start(&start).map(Some),
                Event::End(_) => self.depth = self.depth.saturating_sub(1),
                Event::Eof if self.depth > 0 => return Err(malformed("a part is cut short")),
                Event::Eof => return Ok(None),
                Event::Empty(_)
                | Event::Text(_)
                | Event::CData(_)
                | Event::GeneralRef(_)
                | Event::Comment(_)
                | Event::Decl(_)
                | Event::PI(_)
                | Event::DocType(_) => {}
            }
        }
    }

    /// An element that [`Self::open`] gave, with all that is in it.
    pub(in crate::document) fn rest(&mut self, element: Element) -> Result<Element, Unreadable> {
        let mut open = vec![element];
        loop {
            let piece = match self.event()? {
                Event::Start(start) => {
                    open.push(self.start(&start)?);
                    continue;
                }
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    let done = open.pop().unwrap_or_default();
                    if open.is_empty() {
                        return Ok(done);
                    }
                    Node::Element(done)
                }
                Event::Text(text) => Node::Text(text.xml10_content().into_owned()),
                Event::CData(text) => Node::Text(text.xml10_content().into_owned()),
                Event::GeneralRef(name) => Node::Text(entity(&name)?.to_string()),
                Event::Eof => return Err(malformed("a part is cut short")),
                Event::Empty(_)
                | Event::Comment(_)
                | Event::Decl(_)
                | Event::PI(_)
                | Event::DocType(_) => continue,
            };
            let Some(parent) = open.last_mut() else { continue };
            match (piece, parent.children.last_mut()) {
                (Node::Text(more), Some(Node::Text(text))) => text.push_str(&more),
                (piece, _) => parent.children.push(piece),
            }
        }
    }

    fn event(&mut self) -> Result<Event<'a>, Unreadable> {
        self.watch.step(1);
        match self.reader.read_event() {
            Ok(Event::DocType(_)) => {
                Err(malformed("a part declares a document type, which office files never do"))
            }
            Ok(event) => Ok(event),
            Err(_) => Err(malformed("a part is no XML")),
        }
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<Element, Unreadable> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(malformed("a part nests its elements too deeply"));
        }
        let mut attributes = Vec::new();
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|_| malformed("a part is no XML"))?;
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value = value.map_err(|_| malformed("a part names an entity that there is not"))?;
            let name = attribute.key.local_name();
            attributes.push((name.as_ref().into(), value.into()));
        }
        self.nodes += 1 + attributes.len();
        if self.nodes > NODES_MAX {
            let detail = "a single table or paragraph of the file is over the limit: split it";
            return Err(Unreadable::new(Reason::TooLarge, detail));
        }
        let name = start.local_name().as_ref().into();
        Ok(Element { name, attributes, children: Vec::new() })
    }
}

/// What a reference in text stands for; a part cannot define its own.
fn entity(name: &quick_xml::events::BytesRef<'_>) -> Result<char, Unreadable> {
    if let Ok(Some(c)) = name.resolve_char_ref() {
        return Ok(c);
    }
    match &**name {
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "gt" => Ok('>'),
        "lt" => Ok('<'),
        "quot" => Ok('"'),
        _ => Err(malformed("a part names an entity that there is not")),
    }
}

/// A part's bytes as text: UTF-8, or UTF-16 with its mark.
pub(super) fn decoded(bytes: Vec<u8>) -> String {
    if matches!(bytes.as_slice(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
        return crate::document::decode::utf16_marked(&bytes);
    }
    // The reader passes over a mark of UTF-8.
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn malformed(detail: &str) -> Unreadable {
    Unreadable::new(Reason::Malformed, format!("{detail}: get a good copy"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Result<Element, Unreadable> {
        Xml::whole(text, &Watch::start(None))
    }

    #[test]
    fn elements_are_read_by_their_local_names() {
        let root = whole(
            "<?xml version='1.0'?><w:p xmlns:w='x' w:id='a&amp;b'>one &lt;<w:r><w:b/>\
             <w:i w:val='0'/><![CDATA[<two>]]>&#x20AC;</w:r><!-- no --></w:p>",
        )
        .unwrap();
        assert_eq!((&*root.name, root.attribute("id")), ("p", Some("a&b")));
        assert_eq!(root.text(), "one <<two>€");
        let run = root.child("r").unwrap();
        assert_eq!(
            (run.toggle("b"), run.toggle("i"), run.toggle("u")),
            (Some(true), Some(false), None)
        );
        assert!(root.any(&|element| *element.name == *"i"));
    }

    #[test]
    fn hostile_parts_are_refused() {
        let laughs = "<!DOCTYPE a [<!ENTITY b \"ha\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>";
        let deep = format!("{}{}", "<a>".repeat(300), "</a>".repeat(300));
        let wide = format!("<a>{}</a>", "<b/>".repeat(NODES_MAX + 1));
        let table = [
            ("", Reason::Malformed),
            ("<a><b></a>", Reason::Malformed),
            ("<a>", Reason::Malformed),
            ("<a>&unknown;</a>", Reason::Malformed),
            ("<a b='&unknown;'/>", Reason::Malformed),
            ("<a b=c/>", Reason::Malformed),
            (laughs, Reason::Malformed),
            (&deep, Reason::Malformed),
            (&wide, Reason::TooLarge),
        ];
        for (text, reason) in table {
            let head: String = text.chars().take(40).collect();
            assert_eq!(whole(text).unwrap_err().reason, reason, "{head}");
        }
    }
}
