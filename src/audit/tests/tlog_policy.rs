//! Policies of the C2SP format: what reads, what is refused and where, and what a quorum is.

use crate::audit::merkle::empty_root;
use crate::audit::note::{KeyError, NoteError, NoteSigner};
use crate::audit::{Checkpoint, Cosigner, LineError, PolicyError, TlogPolicy, UnsignedError};
use crate::domain::clock::SystemEntropy;

const ORIGIN: &str = "a.example/log";

/// A log that has had two keys, and six witnesses.
struct World {
    keys: [NoteSigner; 2],
    witnesses: Vec<Cosigner>,
}

impl World {
    fn new() -> Self {
        let key = || NoteSigner::generate(ORIGIN, &SystemEntropy).unwrap();
        let witness = |n| Cosigner::generate(&format!("w{n}.example"), &SystemEntropy).unwrap();
        Self { keys: [key(), key()], witnesses: (1..=6).map(witness).collect() }
    }

    /// `L0` and `L1` stand for the log's keys, `W1` to `W6` for those of the witnesses.
    fn text(&self, template: &str) -> String {
        let mut text = template.to_owned();
        for (at, key) in self.keys.iter().enumerate() {
            text = text.replace(&format!("<L{at}>"), &key.verifier().to_string());
        }
        for (at, witness) in self.witnesses.iter().enumerate() {
            text = text.replace(&format!("<W{}>", at + 1), &witness.verifier().to_string());
        }
        text
    }

    fn parse(&self, template: &str) -> Result<TlogPolicy, PolicyError> {
        TlogPolicy::parse(self.text(template).as_bytes())
    }

    fn checkpoint(&self, key: usize, witnesses: &[usize]) -> String {
        let stated = Checkpoint { origin: ORIGIN.into(), size: 0, root: empty_root() };
        let note = stated.sign(&self.keys[key]);
        let text = text_of(&note);
        let lines = witnesses.iter().map(|at| self.witnesses[at - 1].cosign(&text, 1_700_000_000));
        lines.fold(note, |note, line| note + &line)
    }
}

fn text_of(note: &str) -> String {
    format!("{}\n", note.rsplit_once("\n\n").unwrap().0)
}

/// The example of the specification, with keys.
const EXAMPLE: &str = "# two organisations\n\
    log <L0> https://log.example/\n\n\
    witness X1 <W1>\nwitness X2 <W2> https://x2.example/prefix\nwitness X3 <W3>\n\
    group X-witnesses 2 X1 X2 X3\n\
    \t witness  Y1 \t<W4> \nwitness Y2 <W5>\nwitness Y3 <W6>\n\
    group Y-witnesses any Y1 Y2 Y3\n\
    group X-and-Y all X-witnesses Y-witnesses\n\
    quorum X-and-Y\n";

#[test]
fn the_example_of_the_specification_asks_for_two_of_x_and_one_of_y() {
    let world = World::new();
    let policy = world.parse(EXAMPLE).unwrap();
    assert_eq!(policy.witnesses()[1].url.as_deref(), Some("https://x2.example/prefix"));
    let table: [(&[usize], bool); 8] = [
        (&[], false),
        (&[1, 2], false),
        (&[1, 4], false),
        (&[4, 5, 6], false),
        (&[1, 2, 4], true),
        (&[2, 3, 6], true),
        (&[1, 1, 4], false),
        (&[1, 2, 3, 4, 5, 6], true),
    ];
    for (cosigned, met) in table {
        let standing = policy.stand(world.checkpoint(0, cosigned).as_bytes()).unwrap();
        assert_eq!(standing.quorum_met, met, "{cosigned:?}");
        assert_eq!(standing.signed_by, [world.keys[0].verifier()]);
        let mut names: Vec<_> = standing.cosigned_by.iter().map(|(name, _)| name).collect();
        names.dedup();
        let mut expected = cosigned.to_vec();
        expected.dedup();
        assert_eq!(names.len(), expected.len());
        assert!(standing.cosigned_by.iter().all(|(_, time)| *time == 1_700_000_000));
    }
    let again = TlogPolicy::parse(policy.to_string().as_bytes()).unwrap();
    assert_eq!(again, policy, "{policy}");
}

#[test]
fn any_key_of_the_log_will_do_and_a_strangers_will_not() {
    let world = World::new();
    let (old, new) = (world.checkpoint(0, &[]), world.checkpoint(1, &[]));
    let both = world.parse("log <L0>\nlog <L1>\nquorum none\n").unwrap();
    assert!(!both.asks_for_witnesses());
    for (note, key) in [(&old, 0), (&new, 1)] {
        let standing = both.stand(note.as_bytes()).unwrap();
        assert!(standing.quorum_met);
        assert_eq!(standing.signed_by, [world.keys[key].verifier()]);
    }
    // In the overlap of a rotation both keys sign.
    let overlap = format!("{old}{}", new.rsplit_once("\n\n").unwrap().1);
    assert_eq!(both.stand(overlap.as_bytes()).unwrap().signed_by.len(), 2);
    let one = TlogPolicy::of_logs([world.keys[0].verifier()]);
    assert_eq!(one.stand(new.as_bytes()), Err(UnsignedError::NoLog));
    let none = world.parse("quorum none\n").unwrap();
    assert_eq!(none.stand(old.as_bytes()), Err(UnsignedError::NoLog));
    // A key of another log may sign what it likes: it does not speak for this one.
    let other = NoteSigner::generate("b.example/log", &SystemEntropy).unwrap();
    let foreign = other.sign(&text_of(&old));
    let policy = TlogPolicy::of_logs([other.verifier()]);
    assert_eq!(policy.stand(foreign.as_bytes()), Err(UnsignedError::NoLog));
}

#[test]
fn a_false_cosignature_of_a_known_witness_refuses_the_checkpoint() {
    let world = World::new();
    let policy = world.parse("log <L0>\nwitness a <W1>\nquorum a\n").unwrap();
    let good = world.checkpoint(0, &[1]);
    assert!(policy.stand(good.as_bytes()).unwrap().quorum_met);
    let other = world.witnesses[0].cosign("b.example/log\n0\nroot\n", 1);
    let forged = format!("{}{other}", world.checkpoint(0, &[]));
    let refused = Err(UnsignedError::Note(NoteError::Invalid));
    assert_eq!(policy.stand(forged.as_bytes()), refused);
    // A stranger's false line is a stranger's.
    let stranger = format!("{good}{}", world.witnesses[1].cosign("b.example/log\n", 1));
    assert!(policy.stand(stranger.as_bytes()).unwrap().quorum_met);
    let huge = format!("{}\n{good}", "x".repeat(70_000));
    assert_eq!(policy.stand(huge.as_bytes()), Err(UnsignedError::TooLarge));
    let text = world.keys[0].sign("a.example/log\nseven\nroot\n");
    assert_eq!(policy.stand(text.as_bytes()), Err(UnsignedError::Malformed));
}

#[test]
fn errors_name_the_line_and_what_is_wrong_with_it() {
    let world = World::new();
    let name = |name: &str| name.to_owned();
    let form = |form| LineError::Form { form };
    let threshold = |found: &str| LineError::Threshold { found: name(found), members: 2 };
    let two = "witness a <W1>\nwitness b <W2>\n";
    let table = [
        (name("quorum\n"), 1, form("quorum NAME|none")),
        (name("log\n"), 1, form("log VKEY [URL]")),
        (name("log <L0> u v\n"), 1, form("log VKEY [URL]")),
        (name("log x+00+AA\n"), 1, KeyError::Malformed.into()),
        (name("log <W1>\n"), 1, KeyError::Type.into()),
        (name("\n\nwitness a <L0>\n"), 3, KeyError::Type.into()),
        (name("log <L0>\n#\nlog <L0>\n"), 3, LineError::DuplicateKey),
        (name("witness a <W1>\nwitness b <W1>\n"), 2, LineError::DuplicateKey),
        (name("witness a <W1>\nwitness a <W2>\n"), 2, LineError::DuplicateName { name: name("a") }),
        (name("witness none <W1>\n"), 1, LineError::DuplicateName { name: name("none") }),
        (format!("{two}group a any b\n"), 3, LineError::DuplicateName { name: name("a") }),
        (name("group g any a\n"), 1, LineError::UnknownName { name: name("a") }),
        (format!("{two}group g any none\n"), 3, LineError::UnknownName { name: name("none") }),
        (format!("{two}group g any g\n"), 3, LineError::UnknownName { name: name("g") }),
        (format!("{two}group g any\n"), 3, form("group NAME all|any|NUMBER MEMBER…")),
        (format!("{two}group g any a a\n"), 3, LineError::MemberTwice { name: name("a") }),
        (format!("{two}group g any a\ngroup h any a b\n"), 4, {
            LineError::MemberTwice { name: name("a") }
        }),
        (format!("{two}group g 0 a b\n"), 3, threshold("0")),
        (format!("{two}group g 3 a b\n"), 3, threshold("3")),
        (format!("{two}group g 01 a b\n"), 3, threshold("01")),
        (format!("{two}group g +1 a b\n"), 3, threshold("+1")),
        (format!("{two}group g most a b\n"), 3, threshold("most")),
        (name("quorum a\n"), 1, LineError::UnknownName { name: name("a") }),
        (name("quorum none\nquorum none\n"), 2, LineError::SecondQuorum),
        (name("witnesses a\n"), 1, LineError::Keyword { found: name("witnesses") }),
        (name("quorum none\r\n"), 1, LineError::Control { byte: b'\r' }),
        (name("quorum none"), 1, LineError::CutOff),
    ];
    for (template, line, source) in table {
        let expected = Err(PolicyError::Line { line, source });
        assert_eq!(world.parse(&template), expected, "{template}");
    }
    assert_eq!(world.parse("log <L0>\n"), Err(PolicyError::NoQuorum));
    let octets = [b"witness \xff ".as_slice(), world.text("<W1>\n").as_bytes()].concat();
    let error = TlogPolicy::parse(&octets).unwrap_err();
    assert!(error.to_string().starts_with("line 1 of the tlog-policy: the name"), "{error}");
    // In comments and addresses any octet may stand.
    let comment = b"# \xff\nquorum none\n".as_slice();
    assert!(TlogPolicy::parse(comment).is_ok());
}

#[test]
fn a_policy_has_its_limits_and_reaches_them() {
    let keys: Vec<_> =
        (0..65).map(|_| Cosigner::generate("w.example", &SystemEntropy).unwrap()).collect();
    let lines: Vec<_> = keys
        .iter()
        .zip(1..)
        .map(|(key, at)| format!("witness w{at} {}\n", key.verifier()))
        .collect();
    let full = format!("{}quorum w64\n", lines[..64].concat());
    assert_eq!(TlogPolicy::parse(full.as_bytes()).unwrap().witnesses().len(), 64);
    let over = PolicyError::Line { line: 65, source: LineError::TooMany };
    assert_eq!(TlogPolicy::parse(lines.concat().as_bytes()), Err(over));
    let long = "#\n".repeat(40_000);
    assert_eq!(TlogPolicy::parse(long.as_bytes()), Err(PolicyError::TooLarge));
    // Groups of groups, as deep as there are lines.
    let mut deep = lines[0].clone() + "group g1 any w1\n";
    (2..=64).for_each(|at| deep += &format!("group g{at} all g{}\n", at - 1));
    let deep = TlogPolicy::parse(format!("{deep}quorum g64\n").as_bytes()).unwrap();
    assert!(deep.is_met_by(|_| true) && !deep.is_met_by(|_| false));
}
