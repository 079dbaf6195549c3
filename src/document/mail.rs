//! E-mail (RFC 5322, MIME): the headers that people read, the body, and the names of what is attached.
//! What is attached are documents of their own.

use mail_parser::{Address, Message, MessageParser, MessagePart, MimeHeaders as _, PartType};

use super::guard::Watch;
use super::pages::Pages;
use super::reason::{Reason, Unreadable};
use super::{Kind, Parsed, decode, html};

/// Parts that say they are messages: each may hold the next, and the parser keeps them so.
const MESSAGES_MAX: usize = 5_000;
/// Headers that programs write and people do not.
const WRITTEN_BY_PROGRAMS: [&str; 7] = [
    "message-id",
    "mime-version",
    "received",
    "return-path",
    "delivered-to",
    "dkim-signature",
    "x-mailer",
];
/// Headers that a message has.
const WRITTEN_BY_PEOPLE: [&str; 5] = ["from", "to", "subject", "date", "cc"];
/// Signatures: they sign, and say nothing.
const SIGNATURES: [&str; 3] = ["pkcs7-signature", "x-pkcs7-signature", "pgp-signature"];

/// Whether a text begins with the headers of a message: a memo has some of them, and none that
/// programs write.
pub(super) fn is_mail(head: &[u8], named: bool) -> bool {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}');
    let (mut people, mut programs) = (0, 0);
    for (number, line) in text.lines().enumerate() {
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) && number > 0 || number == 0 && line.starts_with("From ") {
            continue;
        }
        let Some((name, _)) = line.split_once(':') else { return false };
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return false;
        }
        let name = name.to_ascii_lowercase();
        people += usize::from(WRITTEN_BY_PEOPLE.contains(&name.as_str()));
        programs += usize::from(WRITTEN_BY_PROGRAMS.contains(&name.as_str()));
    }
    if named { people + programs >= 1 } else { people >= 2 && programs >= 1 }
}

/// Something attached to a message.
pub(super) struct Attachment {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// Reads a message.
pub(super) fn parse(bytes: &[u8], watch: &Watch) -> Result<Parsed, Unreadable> {
    let message = open(bytes)?;
    watch.check()?;
    let mut pages = Pages::new();
    pages.block(&headers(&message), None)?;
    let mut warnings = Vec::new();
    for part in message.text_bodies() {
        match &part.body {
            PartType::Text(text) => pages.block(text, None)?,
            PartType::Html(markup) => {
                let shown = html::parse(decode::clean(markup));
                warnings.extend(shown.warnings);
                for page in shown.pages {
                    pages.block(&page.text, None)?;
                }
            }
            PartType::Binary(_)
            | PartType::InlineBinary(_)
            | PartType::Message(_)
            | PartType::Multipart(_) => {}
        }
    }
    let attached: Vec<String> = attached(&message).map(|(name, _)| format!("• {name}")).collect();
    if !attached.is_empty() {
        pages.block(&format!("Attachments:\n{}", attached.join("\n")), None)?;
    }
    warnings.extend(pages.unseen_warning());
    let title = message.subject().unwrap_or_default().to_owned();
    let (pages, headings) = pages.finish();
    if pages.iter().all(|page| page.text.trim().is_empty()) {
        return Err(Unreadable::new(Reason::Empty, "the message holds no text"));
    }
    Ok(Parsed::of_text(Kind::Mail, title, pages, headings, warnings))
}

/// What is attached, from the `from`th on, as long as `wanted` says so of the next one's size.
pub(super) fn attachments(
    bytes: &[u8],
    from: usize,
    mut wanted: impl FnMut(usize) -> bool,
) -> Result<(Vec<Attachment>, Option<usize>), Unreadable> {
    let message = open(bytes)?;
    let mut taken = Vec::new();
    for (index, (name, part)) in attached(&message).enumerate().skip(from) {
        if is_signature(part) {
            continue;
        }
        let contents = contents(part, bytes);
        if !wanted(contents.len()) {
            return Ok((taken, Some(index)));
        }
        taken.push(Attachment { name, bytes: contents.to_vec() });
    }
    Ok((taken, None))
}

fn open(bytes: &[u8]) -> Result<Message<'_>, Unreadable> {
    let mut rest = bytes;
    let mut messages = 0;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'/')) {
        rest = rest.get(at + 1..).unwrap_or_default();
        let word = rest.get(..6).is_some_and(|word| word.eq_ignore_ascii_case(b"rfc822"));
        messages += usize::from(word);
    }
    if messages > MESSAGES_MAX {
        let detail = format!("more than {MESSAGES_MAX} messages are attached: save them apart");
        return Err(Unreadable::new(Reason::TooLarge, detail));
    }
    let message = MessageParser::default().parse(bytes).ok_or_else(|| {
        Unreadable::new(
            Reason::Malformed,
            "the message is damaged: save it anew from the mail program",
        )
    })?;
    let kind = message.content_type();
    let sealed = kind.is_some_and(|kind| {
        let named = |name: &str| kind.subtype().is_some_and(|own| own.eq_ignore_ascii_case(name));
        let signed = kind.attribute("smime-type").is_some_and(|own| own.starts_with("signed"));
        named("encrypted") || (named("pkcs7-mime") || named("x-pkcs7-mime")) && !signed
    });
    if sealed {
        let detail = "the message is encrypted: save it decrypted from the mail program";
        return Err(Unreadable::new(Reason::Encrypted, detail));
    }
    Ok(message)
}

fn headers(message: &Message<'_>) -> String {
    let people = |people: Option<&Address<'_>>| {
        let all = people.into_iter().flat_map(Address::iter);
        let named: Vec<String> = all
            .map(|one| match (one.name.as_deref(), one.address.as_deref()) {
                (Some(name), Some(address)) => format!("{name} <{address}>"),
                (Some(one), None) | (None, Some(one)) => one.to_owned(),
                (None, None) => String::new(),
            })
            .collect();
        named.join(", ")
    };
    let date = message.date().map(mail_parser::DateTime::to_rfc822).unwrap_or_default();
    let lines = [
        ("From", people(message.from())),
        ("To", people(message.to())),
        ("Cc", people(message.cc())),
        ("Date", date),
        ("Subject", message.subject().unwrap_or_default().to_owned()),
    ];
    let there = lines.into_iter().filter(|(_, value)| !value.trim().is_empty());
    let lines: Vec<String> = there
        .map(|(name, value)| {
            let value: Vec<&str> = value.split_whitespace().collect();
            format!("{name}: {}", value.join(" "))
        })
        .collect();
    lines.join("\n")
}

/// Attached parts with their names.
fn attached<'m>(
    message: &'m Message<'m>,
) -> impl Iterator<Item = (String, &'m MessagePart<'m>)> + 'm {
    message.attachments().enumerate().map(|(index, part)| (name(part, index + 1), part))
}

fn name(part: &MessagePart<'_>, number: usize) -> String {
    let given = part.attachment_name().map(str::trim).filter(|name| !name.is_empty());
    let name = given.map(str::to_owned).or_else(|| {
        let subject = part.message()?.subject()?;
        Some(format!("{subject}.eml"))
    });
    let ending = || match (&part.body, part.content_type().and_then(|kind| kind.subtype())) {
        (PartType::Message(_), _) => ".eml".to_owned(),
        (PartType::Html(_), _) => ".html".to_owned(),
        (PartType::Text(_), _) => ".txt".to_owned(),
        (_, Some(kind)) if kind.len() <= 5 => format!(".{}", kind.to_ascii_lowercase()),
        _ => String::new(),
    };
    name.unwrap_or_else(|| format!("attachment-{number}{}", ending()))
}

/// A part's decoded bytes; those of a message as it was sent.
fn contents<'m>(part: &'m MessagePart<'m>, raw: &'m [u8]) -> &'m [u8] {
    match &part.body {
        PartType::Message(inner) if part.encoding != mail_parser::Encoding::None => {
            inner.raw_message()
        }
        PartType::Message(_) => {
            raw.get(part.offset_body as usize..part.offset_end as usize).unwrap_or_default()
        }
        PartType::Text(_)
        | PartType::Html(_)
        | PartType::Binary(_)
        | PartType::InlineBinary(_)
        | PartType::Multipart(_) => part.contents(),
    }
}

fn is_signature(part: &MessagePart<'_>) -> bool {
    let kind = part.content_type().and_then(|kind| kind.subtype());
    kind.is_some_and(|kind| SIGNATURES.iter().any(|own| kind.eq_ignore_ascii_case(own)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{ParseOptions, WarningKind, parse, unpack};

    const OPTIONS: ParseOptions<'_> = ParseOptions { password: None, deadline: None };

    fn read(text: &str) -> Result<Parsed, Unreadable> {
        parse(text.replace('\n', "\r\n").as_bytes(), "a.eml", &OPTIONS)
    }

    /// Names and contents of what is attached.
    fn attached(text: &str) -> Vec<(String, String)> {
        let text = text.replace('\n', "\r\n");
        let part = unpack(text.as_bytes(), "a.eml", 0, &OPTIONS).unwrap().unwrap();
        assert_eq!(part.next, None);
        let plain = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace('\r', "");
        part.members.into_iter().map(|one| (one.name, plain(one.content.unwrap()))).collect()
    }

    #[test]
    fn a_message_is_its_headers_and_its_body() {
        let head = "From: \"Ada L.\" <ada@example.com>\nTo: b@example.com, Cy <c@example.com>\n\
                    Subject: =?utf-8?q?Geb=C3=BChr?= of\n  May\nDate: Wed, 4 Mar 2026 10:00:00 +0100\nX-Mailer: x\n";
        let shown = "From: Ada L. <ada@example.com>\nTo: b@example.com, Cy <c@example.com>\n\
                     Date: Wed, 4 Mar 2026 10:00:00 +0100\nSubject: Gebühr of May";
        let table = [
            ("\nThe fee is due.\n", "The fee is due."),
            (
                "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nDie Geb=FChr =\nist f=E4llig.\n",
                "Die Gebühr ist fällig.",
            ),
            (
                "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\nPHA+VGhlIDxiPmZlZTwvYj48cD5pcyBkdWUu\n",
                "The fee\n\nis due.",
            ),
            (
                "MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=x\n\n--x\nContent-Type: text/plain\n\nplain\n--x\nContent-Type: text/html\n\n<p>marked\n--x--\n",
                "plain",
            ),
        ];
        for (rest, body) in table {
            let parsed = read(&format!("{head}{rest}")).unwrap();
            assert_eq!(parsed.pages[0].text, format!("{shown}\n\n{body}"), "{rest}");
            assert_eq!((parsed.kind, parsed.title.as_str()), (Kind::Mail, "Gebühr of May"));
        }
        let hidden =
            format!("{head}Content-Type: text/html\n\n<p>seen<p style='display:none'>secret");
        let parsed = read(&hidden).unwrap();
        assert!(!parsed.pages[0].text.contains("secret"));
        assert_eq!(parsed.warnings[0].kind, WarningKind::HiddenText);
    }

    const MIXED: &str = "From: a@example.com\nMessage-ID: <1>\nMIME-Version: 1.0\nSubject: two things\n\
        Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\nSee below.\n\
        --x\nContent-Type: application/pdf; name=\"=?utf-8?q?f=C3=BCr.pdf?=\"\nContent-Transfer-Encoding: base64\n\nd29yZHM=\n\
        --x\nContent-Type: text/plain\nContent-Disposition: attachment; filename*=utf-8''n%C3%B6te.txt\n\nA note.\n\
        --x\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\neA==\n\
        --x\nContent-Type: application/pgp-signature; name=s.asc\nContent-Disposition: attachment\n\nsigned\n\
        --x\nContent-Type: message/rfc822\n\nFrom: b@example.com\nSubject: inner\n\nInner words.\n--x--\n";

    #[test]
    fn attachments_are_named_in_the_text_and_given_as_files() {
        let text = read(MIXED).unwrap().pages[0].text.clone();
        assert_eq!(
            text,
            "From: a@example.com\nSubject: two things\n\nSee below.\n\n\
             Attachments:\n• für.pdf\n• nöte.txt\n• attachment-3.png\n• s.asc\n• inner.eml"
        );
        let found = attached(MIXED);
        let expected = [
            ("für.pdf", "words"),
            ("nöte.txt", "A note."),
            ("attachment-3.png", "x"),
            ("inner.eml", "From: b@example.com\nSubject: inner\n\nInner words."),
        ];
        assert_eq!(found, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }

    #[test]
    fn a_message_that_cannot_be_read_has_its_reason() {
        let sealed = "From: a@b.c\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nMIIB\n";
        let deep =
            format!("From: a@b.c\n{}", "Content-Type: message/rfc822\n\n".repeat(MESSAGES_MAX + 1));
        let table = [(sealed, Reason::Encrypted), (&deep, Reason::TooLarge)];
        for (text, reason) in table {
            assert_eq!(read(text).unwrap_err().reason, reason);
        }
        let nested = format!("From: a@b.c\n{}", "Content-Type: message/rfc822\n\n".repeat(900));
        assert!(read(&nested).is_ok());
    }
}
