//! A provider whose keys and replies are made here.

mod accounts;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use serde_json::{Value, json};

use super::*;
use crate::domain::clock::{SystemEntropy, Timestamp};
use crate::domain::limits::OPENID_REFRESHES_MAX;
use crate::domain::secret::Secret;

const ISSUER: &str = "https://id.example.org/firm";
const CLIENT: &str = "affiant";
const NOW: u64 = 1_800_000_000;
const BROWSER: Browser<'_> = Browser { secret: "what the cookie holds", address: None };

/// A clock that stands until it is moved.
#[derive(Default)]
struct StillClock(AtomicUsize);

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(NOW * 1000).after(self.steady())
    }

    fn steady(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed) as u64)
    }
}

enum Pair {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A key of the provider.
struct Signer {
    kid: &'static str,
    pair: Pair,
}

impl Signer {
    fn p256(kid: &'static str) -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        Self { kid, pair: Pair::P256(pair) }
    }

    fn ed25519(kid: &'static str) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self { kid, pair: Pair::Ed25519(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap()) }
    }

    fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::P256(_) => "ES256",
            Pair::Ed25519(_) => "EdDSA",
        }
    }

    fn published(&self) -> Value {
        match &self.pair {
            Pair::P256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                let (x, y) = (encoded(x), encoded(y));
                json!({ "kty": "EC", "crv": "P-256", "use": "sig", "kid": self.kid, "x": x, "y": y })
            }
            Pair::Ed25519(pair) => {
                let x = encoded(pair.public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": self.kid, "x": x })
            }
        }
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({ "alg": self.algorithm(), "kid": self.kid, "typ": "JWT" }), claims)
    }

    fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let [header, claims] = [header, claims].map(|part| encoded(part.to_string().as_bytes()));
        let signed = format!("{header}.{claims}");
        let signature = match &self.pair {
            Pair::P256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
                encoded(signature.as_ref())
            }
            Pair::Ed25519(pair) => encoded(pair.sign(signed.as_bytes()).as_ref()),
        };
        format!("{signed}.{signature}")
    }
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What the provider answers, by address.
type Answers = Arc<Mutex<BTreeMap<String, (u16, Value)>>>;

struct House {
    provider: Provider,
    clock: Arc<StillClock>,
    answers: Answers,
    /// The last form that came, and how often each address was asked.
    asked: Arc<Mutex<(String, Vec<String>)>>,
}

fn settings() -> Settings {
    let table = |group: &str, word: &str| [(group.to_owned(), vec![word.to_owned()])].into();
    let mapping = Mapping::parse(&table("all", "staff"), &table("m-*", "matter=*")).unwrap();
    Settings {
        issuer: ISSUER.to_owned(),
        name: "Firm".to_owned(),
        client_id: CLIENT.to_owned(),
        client_secret: Some(Secret::new("s:e cret".to_owned())),
        base_url: "https://affiant.example.org".to_owned(),
        scopes: vec!["openid".to_owned(), "profile".to_owned()],
        name_claim: "preferred_username".to_owned(),
        groups_claim: "groups".to_owned(),
        mapping,
        rights_last: Duration::from_secs(3_600),
    }
}

fn metadata() -> Value {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": format!("{ISSUER}/auth"),
        "token_endpoint": format!("{ISSUER}/token"),
        "jwks_uri": format!("{ISSUER}/keys"),
        "userinfo_endpoint": format!("{ISSUER}/me"),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    })
}

impl House {
    fn new(keys: &[&Signer]) -> Self {
        let answers = Answers::default();
        let asked = Arc::<Mutex<(String, Vec<String>)>>::default();
        let (clock, replies, notes) =
            (Arc::<StillClock>::default(), Arc::clone(&answers), Arc::clone(&asked));
        let ask: Box<Ask> = Box::new(move |call| {
            let mut notes = notes.lock().unwrap();
            if let Some(form) = &call.form {
                let authorization = call.authorization.as_ref().map(Secret::expose);
                notes.0 = format!("{}&{}", authorization.unwrap_or_default(), form.expose());
            }
            notes.1.push(call.url.to_owned());
            let path = call.url.strip_prefix(ISSUER)?;
            let (status, body) = replies.lock().unwrap().get(path)?.clone();
            Some(Reply { status, body: body.to_string().into_bytes() })
        });
        let shared: Arc<dyn Clock> = Arc::<StillClock>::clone(&clock);
        let provider = Provider::new(settings(), ask, shared, Arc::new(SystemEntropy));
        let house = Self { provider, clock, answers, asked };
        house.answer("/.well-known/openid-configuration", 200, metadata());
        house.publish(keys);
        house
    }

    fn answer(&self, path: &str, status: u16, body: Value) {
        self.answers.lock().unwrap().insert(path.to_owned(), (status, body));
    }

    fn publish(&self, keys: &[&Signer]) {
        let keys: Vec<_> = keys.iter().map(|key| key.published()).collect();
        self.answer("/keys", 200, json!({ "keys": keys }));
    }

    fn times_asked(&self, path: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.1.iter().filter(|url| url.ends_with(path)).count()
    }

    /// Begins; what the browser was sent with.
    fn begin(&self, proof: Proof) -> BTreeMap<String, String> {
        let url = self.provider.begin(BROWSER, Some("/ask".to_owned()), proof).unwrap();
        let query = url.strip_prefix(&format!("{ISSUER}/auth?")).unwrap();
        query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    fn come_back(&self, state: &str) -> Result<SignedOn, SignOnError> {
        let returned = Returned {
            code: "c0de".to_owned(),
            state: state.to_owned(),
            iss: Some(ISSUER.to_owned()),
            error: None,
        };
        self.provider.finish(BROWSER, &returned)
    }

    /// A whole sign-on: the provider signs these changes of good claims.
    fn sign_on(&self, key: &Signer, changes: &Value) -> Result<SignedOn, SignOnError> {
        let sent = self.begin(Proof::Any);
        self.answer("/token", 200, tokens(&key.sign(&claims(&sent["nonce"], changes))));
        self.come_back(&sent["state"])
    }
}

fn tokens(id_token: &str) -> Value {
    json!({ "id_token": id_token, "access_token": "access", "token_type": "Bearer" })
}

/// Good claims with these changes; `null` takes one away.
fn claims(nonce: &str, changes: &Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "aud": CLIENT, "sub": "person-1", "nonce": nonce,
        "iat": NOW, "exp": NOW + 300, "preferred_username": "Ada", "groups": ["all", "m-7"],
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

#[test]
fn a_whole_sign_on_with_either_kind_of_key() {
    for key in [Signer::p256("k1"), Signer::ed25519("k1")] {
        let house = House::new(&[&key]);
        let on = house.sign_on(&key, &json!({})).unwrap();
        assert_eq!((on.issuer(), on.subject(), on.name()), (ISSUER, "person-1", "ada"));
        assert_eq!(on.next(), Some("/ask"));
        let rights = on.rights().unwrap();
        assert_eq!(rights.attributes["matter"], ["7".to_owned()].into());
        let form = house.asked.lock().unwrap().0.clone();
        // `s%3Ae%20cret` in base64, as RFC 6749 section 2.3.1 wants it.
        assert!(form.starts_with("Basic YWZmaWFudDpzJTNBZSUyMGNyZXQ="), "{form}");
        assert!(form.contains("&code=c0de&redirect_uri=https%3A%2F%2Faffiant.example.org%2F"));
    }
}

#[test]
fn the_browser_carries_a_challenge_and_the_code_its_answer() {
    let key = Signer::p256("k1");
    let house = House::new(&[&key]);
    let (one, other) = (house.begin(Proof::Any), house.begin(Proof::Fresh));
    for name in ["state", "nonce", "code_challenge"] {
        assert_eq!(one[name].len(), 43, "256 bits");
        assert_ne!(one[name], other[name]);
    }
    assert_eq!(one["code_challenge_method"], "S256");
    assert_eq!((one.get("prompt"), &*other["prompt"], &*other["max_age"]), (None, "login", "0"));
    house.answer("/token", 200, tokens(&key.sign(&claims(&one["nonce"], &json!({})))));
    house.come_back(&one["state"]).unwrap();
    let form = house.asked.lock().unwrap().0.clone();
    let verifier = form.split("code_verifier=").nth(1).unwrap();
    let digest = encoded(Digest::of(verifier.as_bytes()).as_bytes());
    assert_eq!(digest, one["code_challenge"]);
}

#[test]
fn a_token_is_believed_only_where_every_claim_is_right() {
    use TokenFault as Fault;
    let key = Signer::p256("k1");
    let house = House::new(&[&key]);
    let table: &[(Value, Option<Fault>)] = &[
        (json!({}), None),
        (json!({ "aud": [CLIENT] }), None),
        (json!({ "aud": [CLIENT, "other"], "azp": CLIENT }), None),
        (json!({ "iat": NOW + 59, "exp": NOW as f64 + 59.5 }), None),
        (json!({ "exp": NOW - 59 }), None),
        (json!({ "nbf": NOW + 59 }), None),
        (json!({ "iss": "https://id.example.org" }), Some(Fault::Issuer)),
        (json!({ "iss": null }), Some(Fault::Issuer)),
        (json!({ "aud": "other" }), Some(Fault::Audience)),
        (json!({ "aud": null }), Some(Fault::Audience)),
        (json!({ "aud": [] }), Some(Fault::Audience)),
        (json!({ "aud": { "affiant": 1 } }), Some(Fault::Audience)),
        (json!({ "aud": [CLIENT, "other"] }), Some(Fault::Party)),
        (json!({ "azp": "other" }), Some(Fault::Party)),
        (json!({ "nonce": "another" }), Some(Fault::Nonce)),
        (json!({ "nonce": null }), Some(Fault::Nonce)),
        (json!({ "sub": null }), Some(Fault::Subject)),
        (json!({ "sub": "" }), Some(Fault::Subject)),
        (json!({ "sub": "x".repeat(256) }), Some(Fault::Subject)),
        (json!({ "exp": NOW - 60 }), Some(Fault::Expired)),
        (json!({ "exp": null }), Some(Fault::Expired)),
        (json!({ "exp": "tomorrow" }), Some(Fault::Expired)),
        (json!({ "exp": -1 }), Some(Fault::Expired)),
        (json!({ "exp": 1e300 }), Some(Fault::Expired)),
        (json!({ "iat": NOW + 61 }), Some(Fault::Clock)),
        (json!({ "iat": NOW - 661 }), Some(Fault::Clock)),
        (json!({ "iat": null }), Some(Fault::Clock)),
        (json!({ "nbf": NOW + 61 }), Some(Fault::Clock)),
        (json!({ "nbf": "soon" }), Some(Fault::Clock)),
        (json!({ "groups": { "all": true } }), Some(Fault::Groups)),
        (json!({ "groups": [1] }), Some(Fault::Groups)),
        (json!({ "groups": [{ "name": "all", "until": NOW + 9 }, "m-7"] }), None),
        (json!({ "groups": [{ "name": "all", "from": "2001-01-01", "until": null }] }), None),
        (json!({ "groups": { "name": "all", "until": "soon" } }), Some(Fault::Groups)),
        (json!({ "groups": [{ "name": "all", "until": true }] }), Some(Fault::Groups)),
        (json!({ "groups": [{ "name": 7 }] }), Some(Fault::Groups)),
    ];
    for (changes, fault) in table {
        let found = house.sign_on(&key, changes).err();
        assert_eq!(found, fault.map(SignOnError::Token), "{changes}");
    }
}

#[test]
fn no_algorithm_but_the_keys_own_is_taken() {
    use TokenFault as Fault;
    let (p256, ed25519) = (Signer::p256("p"), Signer::ed25519("e"));
    let house = House::new(&[&p256, &ed25519]);
    let headers: [(Value, Option<Fault>); 11] = [
        (json!({ "alg": "ES256", "kid": "p" }), None),
        (json!({ "alg": "ES256" }), None),
        (json!({ "alg": "none" }), Some(Fault::Algorithm)),
        (json!({ "alg": "HS256", "kid": "p" }), Some(Fault::Algorithm)),
        (json!({ "alg": "RS256", "kid": "p" }), Some(Fault::Algorithm)),
        (json!({ "alg": "EdDSA", "kid": "p" }), Some(Fault::Algorithm)),
        (json!({ "alg": "es256", "kid": "p" }), Some(Fault::Algorithm)),
        (json!({ "alg": "EdDSA", "kid": "e" }), Some(Fault::Signature)),
        (json!({ "alg": "ES256", "kid": "q" }), Some(Fault::UnknownKey)),
        (json!({ "alg": "ES256", "kid": "p", "crit": ["b64"] }), Some(Fault::Malformed)),
        (json!({ "kid": "p" }), Some(Fault::Malformed)),
    ];
    for (header, fault) in headers {
        let sent = house.begin(Proof::Any);
        let good = claims(&sent["nonce"], &json!({}));
        house.answer("/token", 200, tokens(&p256.sign_as(&header, &good)));
        let found = house.come_back(&sent["state"]).err();
        assert_eq!(found, fault.map(SignOnError::Token), "{header}");
    }
    // Changed on the way, cut short, and no token at all.
    let good = |nonce: &str| p256.sign(&claims(nonce, &json!({})));
    let other = |nonce: &str| p256.sign(&claims(nonce, &json!({ "sub": "boss" })));
    let parts = |token: String, n: usize| token.split('.').nth(n).unwrap().to_owned();
    type Forge<'a> = &'a dyn Fn(&str) -> String;
    let forged: [(Forge<'_>, Fault); 5] = [
        (
            &|n| [parts(good(n), 0), parts(other(n), 1), parts(good(n), 2)].join("."),
            Fault::Signature,
        ),
        (&|n| format!("{}.{}.", parts(good(n), 0), parts(good(n), 1)), Fault::Signature),
        (&|n| format!("{}.{}", parts(good(n), 0), parts(good(n), 1)), Fault::Malformed),
        (&|n| format!("{}=", good(n)), Fault::Malformed),
        (&|_| String::new(), Fault::Malformed),
    ];
    for (at, (forge, fault)) in forged.into_iter().enumerate() {
        let sent = house.begin(Proof::Any);
        house.answer("/token", 200, tokens(&forge(&sent["nonce"])));
        let found = house.come_back(&sent["state"]).err();
        assert_eq!(found, Some(SignOnError::Token(fault)), "forgery {at}");
    }
}

#[test]
fn keys_come_and_go_with_what_the_provider_publishes() {
    let (old, new) = (Signer::p256("old"), Signer::ed25519("new"));
    let house = House::new(&[&old]);
    house.sign_on(&old, &json!({})).unwrap();
    house.publish(&[&new]);
    house.sign_on(&new, &json!({})).unwrap();
    assert_eq!(house.times_asked("/keys"), 2, "an unknown key is asked for at once");
    let unknown = Some(SignOnError::Token(TokenFault::UnknownKey));
    assert_eq!(house.sign_on(&old, &json!({})).err(), unknown, "withdrawn");
    for _ in 0..20 {
        assert_eq!(house.sign_on(&old, &json!({})).err(), unknown);
    }
    assert_eq!(house.times_asked("/keys"), 1 + OPENID_REFRESHES_MAX, "but not without end");
    // Withdrawn while nothing else happens: not known for longer than five minutes.
    house.publish(&[&old]);
    let recent = |sent: &str| json!({ "iat": NOW + 301, "exp": NOW + 600, "nonce": sent });
    house.clock.0.store(301, Ordering::Relaxed);
    let sent = house.begin(Proof::Any);
    let token = new.sign(&claims("", &recent(&sent["nonce"])));
    house.answer("/token", 200, tokens(&token));
    assert_eq!(house.come_back(&sent["state"]).err(), unknown);
}

#[test]
fn who_finds_no_place_comes_back_with_the_same() {
    let key = Signer::p256("k1");
    let house = House::new(&[&key]);
    let sent = house.begin(Proof::Any);
    house.answer("/token", 200, tokens(&key.sign(&claims(&sent["nonce"], &json!({})))));
    let own: Vec<_> = std::iter::repeat_with(|| house.provider.place(BROWSER).ok())
        .map_while(|place| place)
        .collect();
    assert_eq!(house.come_back(&sent["state"]).err(), Some(SignOnError::Busy));
    let address = Some([192, 0, 2, 7].into());
    let other = house.provider.begin(Browser { address, ..BROWSER }, None, Proof::Any);
    assert!(other.is_ok(), "an address takes no other's places");
    drop(own);
    assert!(house.come_back(&sent["state"]).is_ok());
}

#[test]
fn a_sign_on_ends_without_a_code_another_issuer_or_a_second_time() {
    let key = Signer::p256("k1");
    let house = House::new(&[&key]);
    let come =
        |state: &str, iss: Option<&str>, code: &str, error: Option<&str>, browser: Browser<'_>| {
            let own = |text: &str| text.to_owned();
            let returned = Returned {
                code: own(code),
                state: own(state),
                iss: iss.map(own),
                error: error.map(own),
            };
            house.provider.finish(browser, &returned).err()
        };
    let begun = || {
        let sent = house.begin(Proof::Any);
        house.answer("/token", 200, tokens(&key.sign(&claims(&sent["nonce"], &json!({})))));
        sent["state"].clone()
    };
    let issuer = Some(SignOnError::Token(TokenFault::Issuer));
    assert_eq!(come(&begun(), None, "c", None, BROWSER), issuer, "the provider promised a name");
    assert_eq!(come(&begun(), Some("https://evil.example"), "c", None, BROWSER), issuer);
    let refused = Some(SignOnError::Refused);
    assert_eq!(come(&begun(), Some(ISSUER), "", Some("access_denied"), BROWSER), refused);
    assert_eq!(come(&begun(), Some(ISSUER), "", None, BROWSER), refused);
    let state = begun();
    assert_eq!(
        come(&state, Some(ISSUER), "c", None, Browser { secret: "another", ..BROWSER }),
        Some(SignOnError::Unknown)
    );
    assert_eq!(come(&state, Some(ISSUER), "c", None, BROWSER), None);
    assert_eq!(come(&state, Some(ISSUER), "c", None, BROWSER), Some(SignOnError::Replayed));
    assert_eq!(come("made up", Some(ISSUER), "c", None, BROWSER), Some(SignOnError::Unknown));
    let late = begun();
    house.clock.0.store(600, Ordering::Relaxed);
    assert_eq!(come(&late, Some(ISSUER), "c", None, BROWSER), Some(SignOnError::Unknown));
}

#[test]
fn what_the_provider_says_elsewhere_counts_only_for_the_same_person() {
    let key = Signer::p256("k1");
    let house = House::new(&[&key]);
    let bare = json!({ "groups": null, "preferred_username": null });
    house.answer(
        "/me",
        200,
        json!({ "sub": "person-1", "preferred_username": "ada", "groups": "all" }),
    );
    assert!(house.sign_on(&key, &bare).unwrap().rights().is_some());
    let asked = house.times_asked("/me");
    house.sign_on(&key, &json!({})).unwrap();
    assert_eq!(house.times_asked("/me"), asked, "nothing is missing");
    house.answer(
        "/me",
        200,
        json!({ "sub": "person-1", "groups": ["all"], "nonce": "x", "iss": "y" }),
    );
    assert!(house.sign_on(&key, &json!({ "groups": null })).unwrap().rights().is_some());
    let table = [
        (200, json!({ "sub": "person-2", "groups": ["all"] }), TokenFault::UserInfo.into()),
        (200, json!({ "groups": ["all"] }), TokenFault::UserInfo.into()),
        (200, json!("a signed one"), TokenFault::UserInfo.into()),
        (401, json!({}), ProviderFault::Away.into()),
    ];
    for (status, body, error) in table {
        house.answer("/me", status, body.clone());
        assert_eq!(house.sign_on(&key, &bare).err(), Some(error), "{body}");
    }
    house.answer("/me", 200, json!({ "sub": "person-1" }));
    let on = house.sign_on(&key, &bare).unwrap();
    assert!(on.rights().is_none() && on.name().is_empty(), "no groups, no rights");
}

#[test]
fn a_fresh_proof_needs_a_time_within_this_sign_on() {
    let key = Signer::p256("k1");
    let house = House::new(&[&key]);
    for (auth_time, good) in [
        (json!(NOW), true),
        (json!(NOW - 60), true),
        (json!(NOW - 61), false),
        (json!(NOW + 61), false),
        (json!("now"), false),
        (Value::Null, false),
    ] {
        let sent = house.begin(Proof::Fresh);
        let token = key.sign(&claims(&sent["nonce"], &json!({ "auth_time": auth_time })));
        house.answer("/token", 200, tokens(&token));
        let found = house.come_back(&sent["state"]);
        assert_eq!(found.is_ok(), good, "{auth_time}");
    }
}

#[test]
fn faults_of_the_provider_are_told_apart() {
    let key = Signer::p256("k1");
    let begin = |changes: Value| {
        let house = House::new(&[&key]);
        let mut told = metadata();
        for (name, value) in changes.as_object().unwrap() {
            told[name] = value.clone();
        }
        house.answer("/.well-known/openid-configuration", 200, told);
        house.provider.begin(BROWSER, None, Proof::Any).err()
    };
    let unfit = Some(SignOnError::Provider(ProviderFault::Metadata));
    for changes in [
        json!({ "issuer": "https://id.example.org" }),
        json!({ "token_endpoint": "http://id.example.org/token" }),
        json!({ "authorization_endpoint": "javascript:alert(1)" }),
        json!({ "jwks_uri": 7 }),
        json!({ "code_challenge_methods_supported": ["plain"] }),
    ] {
        assert_eq!(begin(changes.clone()), unfit, "{changes}");
    }
    assert_eq!(begin(json!({ "code_challenge_methods_supported": null })), None);
    let house = House::new(&[&key]);
    let sign_on = |status: u16, body: Value| {
        let sent = house.begin(Proof::Any);
        house.answer("/token", status, body);
        house.come_back(&sent["state"]).err()
    };
    let table = [
        (400, json!({ "error": "invalid_grant" }), ProviderFault::Code),
        (400, json!({ "error": "invalid_client" }), ProviderFault::Client),
        (401, json!({ "error": "invalid_client" }), ProviderFault::Client),
        (500, json!({}), ProviderFault::Away),
        (302, json!({}), ProviderFault::Away),
    ];
    for (status, body, fault) in table {
        assert_eq!(sign_on(status, body), Some(fault.into()), "{status}");
    }
    assert_eq!(sign_on(200, json!({})), Some(TokenFault::Malformed.into()));
    house.answers.lock().unwrap().clear();
    let away = Some(SignOnError::Provider(ProviderFault::Away));
    house.clock.0.store(301, Ordering::Relaxed);
    assert_eq!(house.provider.begin(BROWSER, None, Proof::Any).err(), away);
}
