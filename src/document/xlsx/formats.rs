//! Numbers as a cell's format shows them (ISO/IEC 29500-1, 18.8.31): dates, percent, currency, plain.

/// Digits of a number that is shown plain, as many as a usual column has room for.
const PLAIN_DIGITS: usize = 10;
/// Serial days beyond this are no dates: the year 9999 ends.
const DAYS_MAX: f64 = 2_958_466.0;
/// Digits after the point that a format may ask for.
const DECIMALS_MAX: usize = 30;

/// The code of a format that is built in; `None` where it shows numbers plain.
pub(super) fn built_in(id: u32) -> Option<&'static str> {
    Some(match id {
        1 => "0",
        2 => "0.00",
        3 => "#,##0",
        4 => "#,##0.00",
        9 => "0%",
        10 => "0.00%",
        // The reader's own way of writing dates; this one nobody misreads.
        14 | 27..=31 | 36 | 50..=54 | 57 | 58 => "yyyy-mm-dd",
        15 => "d-mmm-yy",
        16 => "d-mmm",
        17 => "mmm-yy",
        18 => "h:mm AM/PM",
        19 => "h:mm:ss AM/PM",
        20 | 32 | 34 | 55 => "h:mm",
        21 | 33 | 35 | 56 => "h:mm:ss",
        22 => "yyyy-mm-dd h:mm",
        37 | 38 => "#,##0;(#,##0)",
        39 | 40 => "#,##0.00;(#,##0.00)",
        45 => "mm:ss",
        46 => "[h]:mm:ss",
        47 => "mm:ss.0",
        _ => return None,
    })
}

/// A number by its format's code.
///
/// * `since_1904`: days count from 1904, as files from old Macintoshes do.
pub(super) fn shown(value: f64, code: Option<&str>, since_1904: bool) -> String {
    let Some(code) = code else { return plain(value) };
    let sections = sections(code);
    let (section, value) = match sections.as_slice() {
        [all] => (all, value),
        // A section of its own for negative numbers says how it writes the sign.
        [_, negative, ..] if value < 0.0 => (negative, value.abs()),
        [_, _, zero, ..] if value == 0.0 => (zero, value),
        [positive, ..] => (positive, value),
        [] => return plain(value),
    };
    let tokens = tokens(section);
    if tokens.iter().any(|token| matches!(token, Token::Date(_))) {
        return date(value, &tokens, since_1904).unwrap_or_else(|| plain(value));
    }
    number(value, &tokens).unwrap_or_else(|| plain(value))
}

/// A number as a cell without a format shows it.
pub(super) fn plain(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return format!("{:.0}", value + 0.0);
    }
    let exponent = value.abs().log10().floor();
    if !(-5.0..15.0).contains(&exponent) {
        return format!("{value:E}");
    }
    let decimals = (PLAIN_DIGITS as f64 - 1.0 - exponent).clamp(0.0, 20.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// What a code is made of.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Token {
    /// Shown as it is.
    Literal(String),
    /// A part of a date or time: the letter repeated, `[h]`, or `AM/PM`.
    Date(String),
    /// `0`, `#`, `?`, `.`, `,`, `%`.
    Digit(char),
    /// Fractions, powers of ten, text: not written here.
    Other,
}

/// The sections between semicolons that stand outside quotes.
fn sections(code: &str) -> Vec<String> {
    let mut sections = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in code.chars() {
        if c == ';' && !quoted && !escaped {
            sections.push(String::new());
            continue;
        }
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped && !quoted;
        if let Some(last) = sections.last_mut() {
            last.push(c);
        }
    }
    sections
}

fn tokens(section: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut chars = section.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                let text: String = chars.by_ref().take_while(|c| *c != '"').collect();
                tokens.push(Token::Literal(text));
            }
            '\\' => tokens.extend(chars.next().map(|c| Token::Literal(c.to_string()))),
            // As wide as the next character, or filled with it.
            '_' | '*' => {
                chars.next();
            }
            '[' => {
                let inside: String = chars.by_ref().take_while(|c| *c != ']').collect();
                tokens.extend(bracketed(&inside));
            }
            'y' | 'Y' | 'm' | 'M' | 'd' | 'D' | 'h' | 'H' | 's' | 'S' => {
                let letter = c.to_ascii_lowercase();
                let mut run = letter.to_string();
                while chars.next_if(|next| next.to_ascii_lowercase() == letter).is_some() {
                    run.push(letter);
                }
                tokens.push(Token::Date(run));
            }
            'A' | 'a' if chars.peek().is_some_and(|next| matches!(next, 'M' | 'm' | '/')) => {
                let rest: String =
                    std::iter::from_fn(|| chars.next_if(|c| "MmPp/".contains(*c) || *c == 'M'))
                        .collect();
                let known = matches!(rest.to_ascii_lowercase().as_str(), "m/pm" | "/p");
                tokens.push(if known { Token::Date("am/pm".to_owned()) } else { Token::Other });
            }
            '0' | '#' | '?' | '.' | ',' | '%' => tokens.push(Token::Digit(c)),
            'E' | 'e' | '@' => tokens.push(Token::Other),
            'G' | 'g' => {
                // "General"
                while chars.next_if(char::is_ascii_alphabetic).is_some() {}
                tokens.push(Token::Other);
            }
            c => tokens.push(Token::Literal(c.to_string())),
        }
    }
    tokens
}

/// What brackets hold: hours beyond a day, a currency with its place; colours say nothing.
fn bracketed(inside: &str) -> Option<Token> {
    if let Some(currency) = inside.strip_prefix('$') {
        let sign = currency.split('-').next().unwrap_or_default();
        return (!sign.is_empty()).then(|| Token::Literal(sign.to_owned()));
    }
    let lower = inside.to_ascii_lowercase();
    let elapsed =
        !lower.is_empty() && ['h', 'm', 's'].iter().any(|own| lower.chars().all(|c| c == *own));
    if elapsed {
        return Some(Token::Date(format!("[{}]", lower.get(..1)?)));
    }
    inside.starts_with(['<', '>', '=']).then_some(Token::Other)
}

fn number(value: f64, tokens: &[Token]) -> Option<String> {
    if tokens.contains(&Token::Other) || tokens.iter().any(|t| *t == Token::Literal("/".to_owned()))
    {
        return None;
    }
    let digits: Vec<char> = tokens
        .iter()
        .filter_map(|token| match token {
            Token::Digit(c) => Some(*c),
            Token::Literal(_) | Token::Date(_) | Token::Other => None,
        })
        .collect();
    let shape: String = digits.iter().filter(|c| **c != '%').collect();
    let (whole, decimals) = shape.split_once('.').unwrap_or((&shape, ""));
    let decimal_places = decimals.chars().filter(|c| "0#?".contains(*c)).count().min(DECIMALS_MAX);
    let fixed = decimals.chars().filter(|c| "0?".contains(*c)).count().min(decimal_places);
    let thousands = shape.chars().rev().take_while(|c| *c == ',').count() as i32;
    let grouped = whole.trim_end_matches(',').contains(',');
    let least = whole.chars().filter(|c| *c == '0').count().min(DECIMALS_MAX);
    let hundreds = digits.iter().filter(|c| **c == '%').count() as i32;
    let scaled = value.abs() * 100_f64.powi(hundreds) / 1000_f64.powi(thousands);
    if !scaled.is_finite() || scaled >= 1e15 {
        return None;
    }
    // Halves go up, as people round.
    let places = 10_f64.powi(decimal_places as i32);
    let scaled = (scaled * places).round() / places;
    let text = format!("{scaled:.decimal_places$}");
    let (before, after) = text.split_once('.').unwrap_or((&text, ""));
    let before = if least == 0 { before.trim_start_matches('0') } else { before };
    let mut written = format!("{before:0>least$}");
    if grouped {
        written = in_groups(&written);
    }
    let spare = after.len().saturating_sub(fixed);
    let kept = after.trim_end_matches('0').len().max(after.len() - spare);
    if decimal_places > 0 && kept > 0 {
        written.push('.');
        written.push_str(after.get(..kept).unwrap_or_default());
    }
    let has_value = written.chars().any(|c| c.is_ascii_digit() && c != '0');
    let mut shown = String::from(if value < 0.0 && has_value { "-" } else { "" });
    let mut done = false;
    for token in tokens {
        match token {
            Token::Digit('%') => shown.push('%'),
            Token::Digit(_) if !done => {
                shown.push_str(&written);
                done = true;
            }
            Token::Literal(text) => shown.push_str(text),
            Token::Digit(_) | Token::Date(_) | Token::Other => {}
        }
    }
    Some(shown.trim().to_owned())
}

fn in_groups(digits: &str) -> String {
    let count = digits.chars().count();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (count - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A moment, in the parts that formats show.
struct Moment {
    days: i64,
    year: i64,
    month: usize,
    day: i64,
    /// Since midnight, rounded to what is shown.
    seconds: i64,
    hundredths: i64,
}

fn moment(serial: f64, since_1904: bool, rounded: bool) -> Option<Moment> {
    let serial = if since_1904 { serial + 1462.0 } else { serial };
    if !(0.0..DAYS_MAX).contains(&serial) {
        return None;
    }
    // Tenths of seconds are shown by few formats; the others round to the second.
    let all =
        if rounded { (serial * 86_400.0).round() * 100.0 } else { (serial * 8_640_000.0).round() };
    let (days, rest) = (all as i64 / 8_640_000, all as i64 % 8_640_000);
    // Day 60 is 29 February 1900, which there never was; days before it are one less.
    let since_1970 = days - 25_569 + i64::from(days < 60);
    let (year, month, day) = if days == 60 { (1900, 2, 29) } else { civil(since_1970) };
    Some(Moment { days, year, month, day, seconds: rest / 100, hundredths: rest % 100 })
}

/// Year, month and day of a day since 1970 (the proleptic Gregorian calendar).
fn civil(days: i64) -> (i64, usize, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let part = (5 * of_year + 2) / 153;
    let day = of_year - (153 * part + 2) / 5 + 1;
    let month = if part < 10 { part + 3 } else { part - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, usize::try_from(month).unwrap_or(1), day)
}

fn date(serial: f64, tokens: &[Token], since_1904: bool) -> Option<String> {
    let hundredths = tokens.windows(2).any(|pair| *pair == [Token::Digit('.'), Token::Digit('0')]);
    let at = moment(serial, since_1904, !hundredths)?;
    let halves = tokens.contains(&Token::Date("am/pm".to_owned()));
    let mut text = String::new();
    let mut last_time = false;
    for (index, token) in tokens.iter().enumerate() {
        match token {
            Token::Literal(literal) => text.push_str(literal),
            Token::Digit('0') if hundredths && text.ends_with('.') => {
                text.push_str(&(at.hundredths / 10).to_string());
            }
            Token::Digit(c @ ('.' | ',')) => text.push(*c),
            Token::Digit(_) | Token::Other => {}
            Token::Date(part) => {
                // Minutes stand after hours or before seconds; elsewhere `m` is a month.
                let next = tokens.iter().skip(index + 1).find_map(|token| match token {
                    Token::Date(part) => Some(part.as_str()),
                    Token::Literal(_) | Token::Digit(_) | Token::Other => None,
                });
                let minutes = last_time || next.is_some_and(|part| part.starts_with('s'));
                text.push_str(&part_of(&at, part, minutes, halves));
                last_time = part.starts_with('h') || part == "[h]";
            }
        }
    }
    Some(text.trim().to_owned())
}

fn part_of(at: &Moment, part: &str, minutes: bool, halves: bool) -> String {
    let (hour, minute, second) = (at.seconds / 3600, at.seconds / 60 % 60, at.seconds % 60);
    let month = MONTHS.get(at.month.saturating_sub(1)).copied().unwrap_or_default();
    let weekday = usize::try_from((at.days + 6) % 7).unwrap_or_default();
    let weekday = DAYS.get(weekday).copied().unwrap_or_default();
    let hour_shown = if halves { (hour + 11) % 12 + 1 } else { hour };
    match part {
        "m" if minutes => minute.to_string(),
        "mm" if minutes => format!("{minute:02}"),
        "yy" | "y" => format!("{:02}", at.year % 100),
        "m" => at.month.to_string(),
        "mm" => format!("{:02}", at.month),
        "mmm" => month.chars().take(3).collect(),
        "mmmmm" => month.chars().take(1).collect(),
        "d" => at.day.to_string(),
        "dd" => format!("{:02}", at.day),
        "ddd" => weekday.chars().take(3).collect(),
        "h" => hour_shown.to_string(),
        "s" => second.to_string(),
        "[h]" => (at.days * 24 + hour).to_string(),
        "[m]" => (at.days * 1_440 + at.seconds / 60).to_string(),
        "[s]" => (at.days * 86_400 + at.seconds).to_string(),
        "am/pm" => if hour < 12 { "AM" } else { "PM" }.to_owned(),
        other => match other.chars().next() {
            Some('y') => format!("{:04}", at.year),
            Some('m') => month.to_owned(),
            Some('d') => weekday.to_owned(),
            Some('h') => format!("{hour_shown:02}"),
            _ => format!("{second:02}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_by_their_formats() {
        let table: [(f64, Option<&str>, &str); 41] = [
            (5.0, None, "5"),
            (-5.0, None, "-5"),
            (0.0, None, "0"),
            (0.1 + 0.2, None, "0.3"),
            (2.123456789012, None, "2.123456789"),
            (1234567890123.0, None, "1234567890123"),
            (1e20, None, "1E20"),
            (0.00001, None, "0.00001"),
            (5.0, Some("General"), "5"),
            (0.256, built_in(9), "26%"),
            (0.256, built_in(10), "25.60%"),
            (1234567.891, built_in(4), "1,234,567.89"),
            (-1234.5, built_in(39), "(1,234.50)"),
            (-1234.5, built_in(3), "-1,235"),
            (999.0, built_in(3), "999"),
            (0.0, Some("0.00;(0.00);\"nil\""), "nil"),
            (1234.5, Some("[$€-407] #,##0.00"), "€ 1,234.50"),
            (1234.5, Some("\"$\"#,##0_);[Red](\"$\"#,##0)"), "$1,235"),
            (-1234.5, Some("\"$\"#,##0_);[Red](\"$\"#,##0)"), "($1,235)"),
            (501.0, Some("00000"), "00501"),
            (1.5, Some("0.##"), "1.5"),
            (2.0, Some("0.##"), "2"),
            (0.5, Some("#.00"), ".50"),
            (1_500_000.0, Some("0.0,,\" M\""), "1.5 M"),
            (5.0, Some("0\" mg\""), "5 mg"),
            (5.0, Some("0.00E+00"), "5"),
            (0.5, Some("# ?/?"), "0.5"),
            (-0.001, Some("0.0"), "0.0"),
            (45_000.0, built_in(14), "2023-03-15"),
            (45_000.0, Some("dd/mm/yyyy"), "15/03/2023"),
            (45_000.0, Some("[$-409]d mmmm yyyy"), "15 March 2023"),
            (45_000.0, Some("dddd, mmm d"), "Wednesday, Mar 15"),
            (45_000.75, built_in(22), "2023-03-15 18:00"),
            (45_000.75, built_in(18), "6:00 PM"),
            (0.5, Some("hh:mm:ss"), "12:00:00"),
            (1.5, built_in(46), "36:00:00"),
            (0.000_732_64, built_in(47), "01:03.3"),
            (60.0, built_in(14), "1900-02-29"),
            (1.0, built_in(14), "1900-01-01"),
            (-1.0, built_in(14), "-1"),
            (1e300, Some("0"), "1E300"),
        ];
        for (value, code, expected) in table {
            assert_eq!(shown(value, code, false), expected, "{value} {code:?}");
        }
        assert_eq!(shown(0.0, built_in(14), true), "1904-01-01");
    }
}
