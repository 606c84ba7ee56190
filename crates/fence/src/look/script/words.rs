//! The names of a script that say something, whatever their case.

use std::sync::LazyLock;

macro_rules! words {
    ($( $word:ident = $( $name:literal )|+ ; )*) => {
        /// A name that says something, or [`Word::Other`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(in crate::look) enum Word { Other, $( $word, )* }

        const NAMES: &[(&str, Word)] = &[ $( $( ($name, Word::$word), )+ )* ];
    };
}

words! {
    RequestFullScreen = "requestfullscreen" | "webkitrequestfullscreen" | "mozrequestfullscreen" | "msrequestfullscreen" | "webkitenterfullscreen";
    ExitFullScreen = "exitfullscreen" | "webkitexitfullscreen" | "mozcancelfullscreen" | "msexitfullscreen" | "webkitcancelfullscreen" | "cancelfullscreen";
    FullScreenElement = "fullscreenelement" | "webkitfullscreenelement" | "mozfullscreenelement" | "msfullscreenelement" | "fullscreenenabled" | "fullscreenchange";
    DocumentElement = "documentelement";
    Document = "document";
    Body = "body";
    Window = "window" | "self" | "top" | "globalthis";
    Navigator = "navigator";
    Keyboard = "keyboard";
    Lock = "lock";
    RequestPointerLock = "requestpointerlock" | "mozrequestpointerlock" | "webkitrequestpointerlock";
    OnBeforeUnload = "onbeforeunload";
    BeforeUnload = "beforeunload";
    ReturnValue = "returnvalue";
    PreventDefault = "preventdefault";
    Return = "return";
    False = "false";
    True = "true";
    KeyCode = "keycode" | "which" | "charcode";
    Key = "key" | "code";
    CtrlKey = "ctrlkey" | "altkey" | "metakey";
    OnKey = "onkeydown" | "onkeyup" | "onkeypress";
    KeyEvent = "keydown" | "keyup" | "keypress";
    OnContextMenu = "oncontextmenu";
    ContextMenu = "contextmenu";
    OnSelectStart = "onselectstart" | "ondragstart" | "oncopy";
    SelectStart = "selectstart" | "dragstart";
    OnClick = "onclick" | "onmousedown" | "onmousemove" | "onmouseover" | "onmouseup" | "ontouchstart" | "onpointerdown";
    ClickEvent = "click" | "mousedown" | "mousemove" | "mouseover" | "mouseup" | "touchstart" | "pointerdown" | "pointermove";
    History = "history";
    PushState = "pushstate";
    OnPopState = "onpopstate";
    PopState = "popstate";
    Forward = "forward" | "go";
    Alert = "alert" | "confirm" | "prompt";
    Print = "print";
    Open = "open";
    SetInterval = "setinterval";
    SetTimeout = "settimeout";
    Loop = "for" | "while" | "do";
    Audio = "audio";
    New = "new";
    Play = "play";
    Ended = "ended" | "onended";
    Repeat = "loop";
    AutoPlay = "autoplay";
    CreateElement = "createelement";
    Speak = "speak" | "speechsynthesisutterance";
    Eval = "eval" | "execscript";
    Function = "function";
    Atob = "atob";
    Unescape = "unescape" | "decodeuri" | "decodeuricomponent";
    Write = "write" | "writeln";
    InnerHtml = "innerhtml" | "outerhtml" | "insertadjacenthtml" | "textcontent" | "innertext" | "html" | "text" | "append" | "nodevalue" | "prepend" | "createtextnode";
    SrcDoc = "srcdoc";
    Search = "search" | "urlsearchparams" | "searchparams";
    Hash = "hash";
    Href = "href";
    Location = "location";
    Assign = "replace" | "assign";
    UserAgent = "useragent" | "appversion" | "platform" | "useragentdata";
    Language = "language" | "languages" | "userlanguage" | "timezone" | "resolvedoptions";
    Fetch = "fetch" | "xmlhttprequest" | "getjson" | "ajax";
    Cursor = "cursor";
    Debugger = "debugger";
    FromCharCode = "fromcharcode" | "fromcodepoint";
    CharCodeAt = "charcodeat";
    Split = "split";
    Reverse = "reverse";
    CreateObjectUrl = "createobjecturl" | "mssaveoropenblob";
    AddListener = "addeventlistener" | "attachevent" | "on" | "bind" | "addevent" | "live" | "one";
    Howl = "howl";
    Oscillator = "createoscillator";
    SetAttribute = "setattribute";
    ScreenFull = "screenfull";
    Request = "request";
    KeyBindings = "mousetrap" | "hotkeys";
    Canvas = "getcontext" | "webglrenderingcontext";
    Pause = "pause" | "togglemute";
    Muted = "muted";
    Button = "button";
    AfterPrint = "onafterprint";
    Decrypt = "decrypt" | "subtle" | "cryptojs" | "aes";
    Frame = "iframe";
    Click = "onload" | "ready" | "domcontentloaded";
    Yields = "typeof" | "case" | "in" | "of" | "delete" | "void" | "instanceof" | "else" | "await" | "yield" | "throw";
}

struct Table {
    slots: Vec<Option<(&'static str, Word)>>,
}

/// Open addressing; a power of two, at most a quarter full.
const SLOTS: usize = 1024;

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut slots = vec![None; SLOTS];
    for &(name, word) in NAMES {
        let hash = name.bytes().fold(Word::HASH, Word::hashed);
        let mut slot = slot(hash);
        while slots[slot].is_some() {
            slot = (slot + 1) % SLOTS;
        }
        slots[slot] = Some((name, word));
    }
    Table { slots }
});

fn slot(hash: u32) -> usize {
    (hash ^ (hash >> 15)) as usize % SLOTS
}

impl Word {
    /// The hash of no octets (FNV-1a, 32 bits).
    pub const HASH: u32 = 0x811c_9dc5;

    /// The hash with one octet more, its case left out.
    pub fn hashed(hash: u32, octet: u8) -> u32 {
        (hash ^ u32::from(octet | 0x20)).wrapping_mul(0x0100_0193)
    }

    /// The word of a name whose hash is known.
    pub fn found(hash: u32, name: &[u8]) -> Self {
        let mut slot = slot(hash);
        while let Some((known, word)) = TABLE.slots[slot] {
            if name.eq_ignore_ascii_case(known.as_bytes()) {
                return word;
            }
            slot = (slot + 1) % SLOTS;
        }
        Self::Other
    }

    /// The word of a name.
    pub fn of(name: &[u8]) -> Self {
        Self::found(
            name.iter()
                .fold(Self::HASH, |hash, &octet| Self::hashed(hash, octet)),
            name,
        )
    }

    /// What follows such a name is a value, so that a slash begins a regular expression.
    pub fn expects_value(self) -> bool {
        matches!(self, Self::Return | Self::Yields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_no_other() {
        for &(name, word) in NAMES {
            assert_eq!(Word::of(name.to_uppercase().as_bytes()), word, "{name}");
        }
        assert_eq!(Word::of(b"requestfullscreens"), Word::Other);
        assert_eq!(Word::of(b""), Word::Other);
    }
}
