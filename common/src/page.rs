//! A page that an emailed link opens: one HTML file, served under a policy that lets in nothing but itself.

use crate::error::{Problem, Result};
use crate::reply::{Html, Reply};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header;
use sha2::{Digest, Sha256};

/// What all linked pages share, put where a page names it.
const SHARED: [(&str, &str); 2] = [
    ("/* linked.css */", include_str!("../pages/linked.css")),
    ("/* linked.js */", include_str!("../pages/linked.js")),
];

/// Serves a page whose only script and only style are inline and without attributes.
///
/// The policy allows just these two, by hash (CSP Level 3 §2.3.1), and calls to our own origin; the token in the link's
/// fragment never reaches a referrer.
pub fn page(html: &str) -> Result<Reply<Html>> {
    let html = SHARED.iter().fold(html.to_owned(), |html, (place, shared)| html.replace(place, shared));
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash_of(&html, "script")?,
        hash_of(&html, "style")?,
    );
    Ok(Reply::from(Html(html))
        .header(header::CONTENT_SECURITY_POLICY, policy)
        .header(header::REFERRER_POLICY, "no-referrer")
        .header(header::X_FRAME_OPTIONS, "DENY"))
}

fn hash_of(html: &str, element: &str) -> Result<String> {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let inside = html.split_once(&open).and_then(|(_, rest)| rest.split_once(&close)).map(|(inside, _)| inside);
    let inside = inside.ok_or_else(|| Problem::internal(format!("a page without its {element}")))?;
    Ok(format!("sha256-{}", STANDARD.encode(Sha256::digest(inside))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_the_hash_of_just_what_the_page_holds() {
        let reply = page("<style>a</style><script>b</script>").unwrap();
        let (_, policy) = &reply.headers[0];
        // sha256("b"), sha256("a"), by `printf b | openssl dgst -sha256 -binary | base64`.
        assert!(policy.contains("script-src 'sha256-PiPoFgA5WUoziU9lZOGxNIu9egCI1CxKy3PurtWcAJ0='"), "{policy}");
        assert!(policy.contains("style-src 'sha256-ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs='"), "{policy}");
        assert!(page("<style>a</style>").is_err());
    }
}
