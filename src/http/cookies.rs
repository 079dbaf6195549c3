//! Cookies: what a browser keeps of this appliance and shows to it again.

use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, SameSite};

/// Over TLS a browser takes a cookie whose name begins so from this very host alone, over TLS and for
/// all of its paths (RFC 6265bis section 4.1.3.2): no neighbour in the domain can plant one.
const OUR_HOST: &str = "__Host-";

fn full_name(name: &str, secure: bool) -> String {
    if secure { format!("{OUR_HOST}{name}") } else { name.to_owned() }
}

/// A cookie that scripts cannot read; over TLS (`secure`) also one that nobody else can have set.
pub fn own_cookie(name: &str, value: String, secure: bool, same_site: SameSite) -> Cookie<'static> {
    Cookie::build(full_name(name, secure), value)
        .path("/")
        .http_only(true)
        .secure(secure)
        .same_site(same_site)
        .finish()
}

/// What a request shows of [`own_cookie`].
pub fn shown_cookie(request: &HttpRequest, name: &str, secure: bool) -> Option<String> {
    request.cookie(&full_name(name, secure)).map(|cookie| cookie.value().to_owned())
}
