//! RFC 8785 canonical JSON, for values whose numbers are integers.

use serde_json::Value;

/// Integers beyond this have no exact form in RFC 8785 (IEEE 754 double precision).
pub(super) const INTEGER_MAX: u64 = (1 << 53) - 1;

/// A value that this encoding does not take.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a number in the entry is not an integer of at most 53 bits: write it as text")]
pub(super) struct NotCanonical;

/// The canonical bytes of `value`.
///
/// # Errors
/// [`NotCanonical`] for a fraction or an integer beyond [`INTEGER_MAX`].
pub(super) fn encode(value: &Value) -> Result<Vec<u8>, NotCanonical> {
    let mut bytes = Vec::with_capacity(512);
    write(value, &mut bytes)?;
    Ok(bytes)
}

/// The value of `bytes`, if they are the canonical bytes of one.
pub(super) fn decode(bytes: &[u8]) -> Option<Value> {
    // serde_json bounds the nesting (128) while it parses; that also bounds `write`.
    let value: Value = serde_json::from_slice(bytes).ok()?;
    (encode(&value).ok()? == bytes).then_some(value)
}

fn write(value: &Value, bytes: &mut Vec<u8>) -> Result<(), NotCanonical> {
    match value {
        Value::Null => bytes.extend_from_slice(b"null"),
        Value::Bool(true) => bytes.extend_from_slice(b"true"),
        Value::Bool(false) => bytes.extend_from_slice(b"false"),
        Value::Number(number) => {
            let magnitude = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            if magnitude.is_none_or(|m| m > INTEGER_MAX) {
                return Err(NotCanonical);
            }
            bytes.extend_from_slice(number.to_string().as_bytes());
        }
        Value::String(text) => write_text(text, bytes),
        Value::Array(items) => {
            bytes.push(b'[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    bytes.push(b',');
                }
                write(item, bytes)?;
            }
            bytes.push(b']');
        }
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            // Section 3.2.3: by UTF-16 code units.
            sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            bytes.push(b'{');
            for (position, (name, field)) in sorted.into_iter().enumerate() {
                if position > 0 {
                    bytes.push(b',');
                }
                write_text(name, bytes);
                bytes.push(b':');
                write(field, bytes)?;
            }
            bytes.push(b'}');
        }
    }
    Ok(())
}

/// Section 3.2.2.2: short escapes where JSON has them, `\u00xx` for other control characters.
fn write_text(text: &str, bytes: &mut Vec<u8>) {
    bytes.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => bytes.extend_from_slice(b"\\\""),
            b'\\' => bytes.extend_from_slice(b"\\\\"),
            0x08 => bytes.extend_from_slice(b"\\b"),
            b'\t' => bytes.extend_from_slice(b"\\t"),
            b'\n' => bytes.extend_from_slice(b"\\n"),
            0x0c => bytes.extend_from_slice(b"\\f"),
            b'\r' => bytes.extend_from_slice(b"\\r"),
            0x00..=0x1f => bytes.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => bytes.push(byte),
        }
    }
    bytes.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn the_examples_of_rfc_8785_come_out_byte_for_byte() {
        // Section 3.2.3, sorting by UTF-16 code units.
        let sorting = json!({
            "\u{20ac}": "Euro Sign", "\r": "Carriage Return", "\u{fb33}": "Hebrew Letter Dalet With Dagesh",
            "1": "One", "\u{1f600}": "Emoji: Grinning Face", "\u{80}": "Control",
            "\u{f6}": "Latin Small Letter O With Diaeresis"
        });
        let text = String::from_utf8(encode(&sorting).unwrap()).unwrap();
        let order = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"];
        let found: Vec<usize> = order.iter().map(|word| text.find(word).unwrap()).collect();
        assert!(found.is_sorted(), "{text}");
        // Section 3.2.2, strings and literals.
        let mixed = json!({
            "string": "\u{20ac}$\u{f}\nA'\u{42}\u{22}\u{5c}\\\"\u{2f}",
            "literals": [null, true, false]
        });
        assert_eq!(
            String::from_utf8(encode(&mixed).unwrap()).unwrap(),
            "{\"literals\":[null,true,false],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
        );
    }

    #[test]
    fn only_exact_integers_are_numbers() {
        for good in [json!(0), json!(-1), json!(INTEGER_MAX), json!(-9_007_199_254_740_991_i64)] {
            assert_eq!(encode(&good).unwrap(), good.to_string().into_bytes());
        }
        for bad in
            [json!(0.5), json!(1.0), json!(INTEGER_MAX + 1), json!(u64::MAX), json!(i64::MIN)]
        {
            assert_eq!(encode(&bad), Err(NotCanonical), "{bad}");
        }
    }

    #[test]
    fn a_second_spelling_is_not_accepted() {
        assert!(decode(br#"{"a":1,"b":[]}"#).is_some());
        for other in [
            r#"{"b":[],"a":1}"#,
            r#"{"a":1, "b":[]}"#,
            r#"{"a":1,"a":1,"b":[]}"#,
            r#"{"a":1,"b":[]} "#,
            r#"{"a":-0,"b":[]}"#,
            r#"{"a":1e0,"b":[]}"#,
            r#"{"\u0061":1,"b":[]}"#,
            r#"{"a":"\/"}"#,
            "{",
        ] {
            assert!(decode(other.as_bytes()).is_none(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn texts_survive_and_agree_with_the_parser(text in ".*", name in ".*") {
            let value = json!({ name: [text] });
            prop_assert_eq!(decode(&encode(&value).unwrap()), Some(value));
        }
    }
}
