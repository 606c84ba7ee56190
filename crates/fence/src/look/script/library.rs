//! Libraries: written by others, with everything a library can do.

use super::super::place::Source;

/// Libraries are known by their file names and by the licence on top.
pub(super) fn is_library(source: &Source, text: &str) -> bool {
    const NAMES: &[&str] = &[
        "jquery",
        "bootstrap",
        "popper",
        "modernizr",
        "react",
        "angular",
        "vue",
        "lodash",
        "video",
        "plyr",
        "player",
        "hls",
        "three",
        "phaser",
        "pixi",
        "swiper",
        "slick",
        "owl.",
        "fancybox",
        "lightbox",
        "lightgallery",
        "photoswipe",
        "reveal",
        "impress",
        "screenfull",
        "hammer",
        "howler",
        "tone",
        "tinymce",
        "ckeditor",
        "quill",
        "codemirror",
        "ace.",
        "monaco",
        "leaflet",
        "mapbox",
        "openlayers",
        "d3.",
        "chart",
        "gsap",
        "tweenmax",
        "polyfill",
        "vendor",
        "chunk",
        "runtime",
        "analytics",
        "gtag",
        "recaptcha",
        "uv.",
        "mermaid",
        "mathjax",
    ];
    let licensed = text.len() > 4096 && text.trim_start().starts_with("/*!");
    let named = match source {
        Source::Linked(url) if text.len() > 8192 => {
            let path = url.split(['?', '#']).next().unwrap_or_default();
            let file = path
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase();
            NAMES.iter().any(|name| file.starts_with(name))
        }
        _ => false,
    };
    licensed || named
}
