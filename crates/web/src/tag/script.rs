//! `/tag.js`, and the script for pages that were written for Retreaver: committed bundles with a token put in.
//!
//! The token stands at the script's end. What comes before it is the same for everybody, so it is compressed once, as well as
//! Brotli can, and each answer ends it with the token as it is (RFC 7932 §9.2 allows that).

use std::io::Write as _;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ringfence_platform::visits::TokenRequest;
use ringfence_platform::{Platform, now};
use tower_http::compression::CompressionLayer;

use super::SiteQuery;
use super::asking::{Asking, text};

/// Built from `tag/src` by `npm run build`, and committed so that building the program needs no Node.
static TAG: LazyLock<Bundle> =
    LazyLock::new(|| Bundle::of(include_str!("../../../../tag/dist/tag.js")));
static MOVED: LazyLock<Bundle> =
    LazyLock::new(|| Bundle::of(include_str!("../../../../tag/dist/moved.js")));
/// Where the token goes, with its quotes.
const PLACE: &str = "\"__RINGFENCE_TOKEN__\"";

/// A script in two parts.
struct Bundle {
    /// What stands before the token.
    before: &'static str,
    /// And after it.
    after: &'static str,
    /// What stands before the token: a Brotli stream that goes on.
    compressed: Vec<u8>,
}

pub(super) fn router() -> Router<Arc<Platform>> {
    Router::new()
        .route("/tag.js", get(tag))
        .route("/jsapi/v1/retreaver.js", get(moved))
        .route("/jsapi/v1/retreaver.min.js", get(moved))
        .layer(CompressionLayer::new())
}

async fn tag(
    State(platform): State<Arc<Platform>>,
    query: Result<Query<SiteQuery>, QueryRejection>,
    request: Request,
) -> Response {
    let site = query.map(|Query(query)| query.site).unwrap_or_default();
    script(&TAG, &platform, &site, request)
}

/// Such a page names no site when it loads its script: the token is bound to its host alone.
async fn moved(State(platform): State<Arc<Platform>>, request: Request) -> Response {
    script(&MOVED, &platform, "", request)
}

/// The token is bound to the page's host, which the `Referer` names, and to the browser's network. A page that sends
/// no `Referer` gets the script without one, and asks `/t/token`.
fn script(bundle: &Bundle, platform: &Platform, site: &str, request: Request) -> Response {
    let referrer = text(request.headers(), &header::REFERER);
    let brotli = accepts_brotli(request.headers());
    let (asking, _) = Asking::of(request, platform);
    let token = referrer.and_then(|page| {
        let request = TokenRequest {
            site: Some(site).filter(|key| !key.is_empty()),
            page: &page,
            user_agent: &asking.user_agent,
            address: asking.address,
        };
        platform.issue_token(&request, now()).ok()
    });
    let token = token.as_deref().unwrap_or_default();
    let mut response = if brotli {
        (
            [(header::CONTENT_ENCODING, HeaderValue::from_static("br"))],
            bundle.with_token_compressed(token),
        )
            .into_response()
    } else {
        bundle.with_token(token).into_response()
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "private, max-age=300"),
        (header::VARY, "Referer, Accept-Encoding"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::HeaderName::from_static("cross-origin-resource-policy"),
            "cross-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn accepts_brotli(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let refused = weight
                .trim()
                .strip_prefix("q=")
                .is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0));
            name.trim().eq_ignore_ascii_case("br") && !refused
        })
}

impl Bundle {
    fn of(script: &'static str) -> Self {
        let (before, after) = script.split_once(PLACE).unwrap_or((script, ""));
        Self {
            before,
            after,
            compressed: compressed(before),
        }
    }

    /// Tokens are base64url, so that nothing in them needs escaping.
    fn with_token(&self, token: &str) -> String {
        format!("{}\"{token}\"{}", self.before, self.after)
    }

    /// The script as Brotli: what is the same for everybody, then the token as a block that is not compressed, and the
    /// stream's end.
    fn with_token_compressed(&self, token: &str) -> Vec<u8> {
        let rest = format!("\"{token}\"{}", self.after);
        let mut stream = Vec::with_capacity(self.compressed.len() + rest.len() + 4);
        stream.extend_from_slice(&self.compressed);
        // A token has a hundred octets: one block holds 65,536.
        for block in rest.as_bytes().chunks(1 << 16) {
            let length = u32::try_from(block.len() - 1).unwrap_or_default();
            // Not the last block; its length in four nibbles; not compressed; then up to an octet's edge.
            let head = (length << 3) | (1 << 19);
            stream.extend_from_slice(&head.to_le_bytes()[..3]);
            stream.extend_from_slice(block);
        }
        // The last block, and empty.
        stream.push(0b11);
        stream
    }
}

/// A Brotli stream of the text that ends at an octet's edge and may go on (RFC 7932 §9.2).
fn compressed(text: &str) -> Vec<u8> {
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 11, 22);
    // Writing into memory does not fail; were it to, the stream would be short, which the test below would see.
    let _ = encoder.write_all(text.as_bytes());
    let _ = encoder.flush();
    encoder.get_ref().clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUNDLES: [&LazyLock<Bundle>; 2] = [&TAG, &MOVED];

    #[test]
    fn each_bundle_has_one_place_for_the_token() {
        for bundle in BUNDLES {
            // Without a place, nothing would stand behind it.
            assert!(!bundle.after.is_empty());
            let without = bundle.with_token("");
            assert!(!without.contains("__RINGFENCE_TOKEN__"));
        }
    }

    /// As long as the fence makes them.
    const TOKEN: &str = "AQYj8m1Zc0QAAZqz3kTzcYy7mV2uX4pBhQ0eRjL6wN9sK1tFgD5oHiCvEaUlMnPxTbWkJrGyZqS8dOf3I7c2A4B6h9Lw";

    fn decompressed(stream: &[u8]) -> String {
        let mut text = String::new();
        let mut decoder = brotli::Decompressor::new(stream, 4096);
        std::io::Read::read_to_string(&mut decoder, &mut text).unwrap();
        text
    }

    #[test]
    fn what_is_compressed_once_and_ended_with_the_token_is_the_script_with_the_token() {
        for token in [TOKEN, "", "a", &"abc-_123".repeat(20_000)] {
            for bundle in BUNDLES {
                assert_eq!(
                    decompressed(&bundle.with_token_compressed(token)),
                    bundle.with_token(token)
                );
            }
        }
    }

    /// The budget is stated in octets as they are served, with the token: five kilobytes.
    #[test]
    fn each_script_is_served_within_its_budget() {
        for bundle in BUNDLES {
            let served = bundle.with_token_compressed(TOKEN).len();
            assert!(
                served < 5120,
                "expected less than 5,120 octets, got {served}"
            );
        }
    }

    #[test]
    fn brotli_is_sent_to_those_who_take_it() {
        let takes = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, value.parse().unwrap());
            accepts_brotli(&headers)
        };
        for value in ["br", "gzip, deflate, br, zstd", "gzip;q=0.5, BR;q=0.1"] {
            assert!(takes(value), "{value}");
        }
        for value in ["gzip", "br;q=0", "gzip, br;q=0.0", "brotli", ""] {
            assert!(!takes(value), "{value}");
        }
        assert!(!accepts_brotli(&HeaderMap::new()));
    }
}
