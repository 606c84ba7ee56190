//! The icon set: 16 px, drawn with the text's colour. Each stands beside a word, so readers are spared them.

use std::fmt;

/// An icon as inline SVG.
#[derive(Debug, Clone, Copy)]
pub(super) struct Icon(&'static str);

impl askama::filters::HtmlSafe for Icon {}

impl fmt::Display for Icon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            r#"<svg class="icon" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">{}</svg>"#,
            self.0
        )
    }
}

/// The icon of a name; a name that is not in the set is a mistake of ours and draws a dot.
pub(super) fn icon(name: &str) -> Icon {
    Icon(match name {
        "brand" => {
            r#"<circle cx="8" cy="8" r="6.5" stroke-width="1.8" stroke-dasharray="4.6 2.2"/><circle cx="8" cy="8" r="2.4" fill="currentColor" stroke="none"/>"#
        }
        "overview" => r#"<path d="M2.5 13.5v-5M6.2 13.5v-8M9.8 13.5v-6M13.5 13.5v-11"/>"#,
        "agent" => {
            r#"<path d="M3 9.500V8a5 5 0 0 1 10 0v1.500M3 8.800h1.800v3.700H4a1 1 0 0 1-1-1zM13 8.800h-1.800v3.700h.8a1 1 0 0 0 1-1zM12.500 12.300c-.4 1.200-1.700 1.700-3.500 1.700"/>"#
        }
        "live" => {
            r#"<circle cx="8" cy="8" r="1.6" fill="currentColor" stroke="none"/><path d="M4.8 11.2a4.5 4.5 0 0 1 0-6.4M11.2 4.8a4.5 4.5 0 0 1 0 6.4M2.7 13.3a7.5 7.5 0 0 1 0-10.6M13.3 2.7a7.5 7.5 0 0 1 0 10.6"/>"#
        }
        "calls" => {
            r#"<path d="M5.6 2.3 4 2.6c-.9.2-1.5 1-1.4 1.9.6 4.7 4.2 8.3 8.9 8.9.9.1 1.7-.5 1.9-1.4l.3-1.6a.9.9 0 0 0-.6-1l-2-.7a.9.9 0 0 0-.9.2l-.8.9a8.6 8.6 0 0 1-3.2-3.200l.9-.8a.9.9 0 0 0 .2-.9l-.7-2a.9.9 0 0 0-1-.6z"/>"#
        }
        "numbers" => {
            r#"<path d="M6.3 2.5 4.8 13.500M11.2 2.5 9.7 13.500M2.8 5.800h11M2.2 10.200h11"/>"#
        }
        "pools" => {
            r#"<rect x="2.5" y="2.500" width="4.5" height="4.500" rx="1"/><rect x="9" y="2.500" width="4.5" height="4.500" rx="1"/><rect x="2.5" y="9" width="4.5" height="4.500" rx="1"/><rect x="9" y="9" width="4.5" height="4.500" rx="1" stroke-dasharray="2 1.600"/>"#
        }
        "routing" => {
            r#"<circle cx="3.500" cy="8" r="1.500"/><circle cx="12.500" cy="3.800" r="1.500"/><circle cx="12.500" cy="12.200" r="1.500"/><path d="M5 8h1.500c2 0 1.800-4.200 4.500-4.200M6.500 8c2 0 1.800 4.200 4.500 4.200"/>"#
        }
        "sites" => {
            r#"<circle cx="8" cy="8" r="6"/><path d="M2 8h12M8 2c1.8 1.7 2.7 3.7 2.7 6S9.8 12.3 8 14C6.2 12.3 5.3 10.3 5.3 8S6.2 3.7 8 2z"/>"#
        }
        "people" => {
            r#"<circle cx="6" cy="5.500" r="2.500"/><path d="M1.800 13.500c.3-2.500 2-4 4.200-4s3.900 1.500 4.200 4M10.500 3.300a2.500 2.500 0 0 1 0 4.400M11.800 9.800c1.300.6 2.200 1.900 2.400 3.700"/>"#
        }
        "reports" => {
            r#"<path d="M2.500 2.500h11v11h-11zM2.500 6.200h11M2.500 9.800h11M6.200 2.500v11M9.800 2.500v11"/><path d="M6.200 6.200h3.600v3.600H6.200z" fill="currentColor" stroke="none"/>"#
        }
        "programs" => {
            r#"<path d="m5 5.500-2.500 2.500L5 10.500M11 5.500l2.500 2.500-2.500 2.500M9.200 3.500l-2.400 9"/>"#
        }
        "account" => {
            r#"<path d="M3.500 13.500v-11h6v11M9.500 6.500h3v7M2 13.500h12M5.500 5h2M5.500 7.500h2M5.500 10h2"/>"#
        }
        "audit" => {
            r#"<path d="M4 2.500h8v11H4zM6.300 5.800h3.400M6.300 8.200h3.400M6.300 10.600h2"/>"#
        }
        "you" => {
            r#"<circle cx="8" cy="5.500" r="2.800"/><path d="M2.800 14c.4-2.900 2.400-4.500 5.200-4.500s4.800 1.600 5.200 4.500"/>"#
        }
        "cases" => {
            r#"<path d="M8 1.800 13.500 4v4c0 3-2.300 5.300-5.500 6.300C4.800 13.300 2.500 11 2.500 8V4zM8 5.300v3.200M8 10.800v.1"/>"#
        }
        "theme" => {
            r#"<circle cx="8" cy="8" r="6"/><path d="M8 2a6 6 0 0 1 0 12z" fill="currentColor"/>"#
        }
        "leave" => {
            r#"<path d="M6.5 2.500h-3a1 1 0 0 0-1 1v9a1 1 0 0 0 1 1h3M10.5 11 13.5 8l-3-3M13.5 8h-7"/>"#
        }
        "up" => r#"<path d="M8 2.5 14 13H2z" fill="currentColor" stroke="none"/>"#,
        "down" => r#"<path d="M8 13.5 14 3H2z" fill="currentColor" stroke="none"/>"#,
        "same" => r#"<path d="M2 6h12M2 10h12" stroke-width="2"/>"#,
        "answered" | "check" => r#"<path d="m3 8.5 3.3 3.300L13 4.5" stroke-width="2"/>"#,
        "missed" => r#"<path d="M3 4.5 8 9.500l5-5M3 9V4.500h4.5" stroke-width="2"/>"#,
        "abandoned" => r#"<path d="M2.5 8h11M9 3.5 13.5 8 9 12.5" stroke-width="2"/>"#,
        "failed" | "cross" => r#"<path d="m4 4 8 8M12 4l-8 8" stroke-width="2"/>"#,
        "voicemail" => {
            r#"<circle cx="4.5" cy="8" r="2.5"/><circle cx="11.5" cy="8" r="2.5"/><path d="M4.5 10.500h7"/>"#
        }
        "talking" => {
            r#"<path d="M2.5 8v0M5.3 5.500v5M8 3v10M10.7 5.500v5M13.5 8v0" stroke-width="2"/>"#
        }
        "ringing" => {
            r#"<path d="M8 2a4 4 0 0 1 4 4c0 4 1.5 5 1.5 5h-11S4 10 4 6a4 4 0 0 1 4-4zM6.7 13.500a1.5 1.5 0 0 0 2.6 0"/>"#
        }
        "held" | "pause" => r#"<path d="M5.5 3.500v9M10.5 3.500v9" stroke-width="2"/>"#,
        "arriving" | "arrived" => r#"<path d="M13 3 5 11M5 5v6h6" stroke-width="2"/>"#,
        "play" => r#"<path d="M5 3v10l8-5z" fill="currentColor"/>"#,
        "source" => r#"<path d="M2.5 3.500h11L9.3 8.700v4.300l-2.6-1.500V8.700z"/>"#,
        "search" => r#"<circle cx="7" cy="7" r="4.5"/><path d="m10.5 10.5 3 3"/>"#,
        "chevron" => r#"<path d="m4 6 4 4 4-4"/>"#,
        "back" => r#"<path d="m10 3.5-4.5 4.5 4.5 4.5"/>"#,
        "open" => r#"<circle cx="8" cy="8" r="5.5"/>"#,
        "done" => r#"<circle cx="8" cy="8" r="6"/><path d="m5.2 8.2 2 2 3.6-4.2"/>"#,
        "warn" => r#"<path d="M8 2.3 14.5 13.500h-13zM8 6.500v3.200M8 11.600v.1"/>"#,
        "info" => r#"<circle cx="8" cy="8" r="6"/><path d="M8 7.300V11M8 5v.1"/>"#,
        "copy" => {
            r#"<rect x="5.5" y="5.5" width="8" height="8" rx="1.5"/><path d="M3.5 10.500h-1v-8h8v1"/>"#
        }
        "plus" => r#"<path d="M8 3v10M3 8h10"/>"#,
        "recording" => {
            r#"<circle cx="8" cy="8" r="6"/><circle cx="8" cy="8" r="2.5" fill="currentColor" stroke="none"/>"#
        }
        _ => r#"<circle cx="8" cy="8" r="2" fill="currentColor"/>"#,
    })
}
