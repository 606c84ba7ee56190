//! The facts about a page that count, by name, with the words an operator reads.

use super::place::Place;

/// A fact about a page that counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Which.
    pub kind: SignalKind,
    /// How strongly it was seen: 0 to 1.
    pub strength: f64,
    /// How often it was seen.
    pub count: u32,
    /// What it adds to the score's logit by itself; 0 where it counts only together with others.
    pub weight: f64,
    /// Where it was seen first at this strength.
    pub found: Place,
    /// Why it counts, in words to act on.
    pub why: String,
}

macro_rules! signal_kinds {
    ($( $(#[$doc:meta])* $kind:ident = $word:literal, $why:literal; )*) => {
        /// The kinds of signals. Their words are stable: cases, metrics and exports keep them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum SignalKind { $( $(#[$doc])* #[doc = $why] $kind, )* }

        impl SignalKind {
            /// Every kind.
            pub const ALL: &[Self] = &[ $( Self::$kind, )* ];

            /// Its stable word.
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$kind => $word, )* }
            }

            /// Why it counts.
            pub fn why(self) -> &'static str {
                match self { $( Self::$kind => $why, )* }
            }
        }
    };
}

signal_kinds! {
    FullScreen = "full_screen", "The page asks for full screen, which hides the browser's own controls.";
    GestureTrap = "gesture_trap", "Any click, key or mouse move on the page is caught, which is how a lock gets its permission.";
    KeyboardLock = "keyboard_lock", "The page locks the keyboard, so that Escape does not leave full screen.";
    PointerLock = "pointer_lock", "The page captures the mouse pointer.";
    CursorHidden = "cursor_hidden", "The mouse cursor is hidden.";
    LeaveBlocked = "leave_blocked", "Leaving the page is answered with a question.";
    KeysBlocked = "keys_blocked", "Keys that leave or inspect a page (Escape, F11, F12, Ctrl and others) are caught.";
    MenuBlocked = "menu_blocked", "The context menu is blocked.";
    SelectionBlocked = "selection_blocked", "Text cannot be selected.";
    HistoryFlood = "history_flood", "The browser's history is filled, so that Back does not leave the page.";
    DialogLoop = "dialog_loop", "Dialogs are shown again and again.";
    WindowFlood = "window_flood", "Windows, prints or downloads are opened again and again.";
    DebuggerTrap = "debugger_trap", "Developer tools are blocked or trapped.";
    AudioAutoplay = "audio_autoplay", "Sound starts by itself.";
    AudioFromScript = "audio_from_script", "A script plays sound.";
    Speech = "speech", "A script speaks to the visitor.";
    ThreatWords = "threat_words", "The text says that the visitor's device is infected, blocked or hacked.";
    CallWords = "call_words", "The text asks for a call.";
    HoldWords = "hold_words", "The text forbids closing the page or restarting the device, or sets a deadline.";
    ScanWords = "scan_words", "The text shows a scan of the visitor's device, which a page cannot do.";
    BrandOffDomain = "brand_off_domain", "A brand speaks, but the page is not on a domain of that brand.";
    DecoyTitle = "decoy_title", "The title speaks of something else than the text.";
    FoldedWords = "folded_words", "Words are written with look-alike letters or digits, as filters are evaded.";
    PhoneInText = "phone_in_text", "A telephone number stands in the text.";
    PhoneFromQuery = "phone_from_query", "A telephone number is taken from the page's address and shown.";
    PhoneFromServer = "phone_from_server", "A telephone number is put in by the server or fetched and shown.";
    AddressLookup = "address_lookup", "The visitor's network address or place is looked up, to be shown to him.";
    ChatWidget = "chat_widget", "A chat with strangers is built in.";
    RemoteTool = "remote_tool", "A remote-control program is offered.";
    NoIndex = "no_index", "Search engines are told to leave the page out.";
    SharedHost = "shared_host", "The page is on a host where anybody gets a name within minutes.";
    FrameShell = "frame_shell", "The page is only a frame around another one, as large as the window.";
    TextInImages = "text_in_images", "The page shows pictures and next to no text.";
    DecodedLayer = "decoded_layer", "Part of the page is written in an encoding that a script takes off.";
    OpaqueLoader = "opaque_loader", "The page is built by a script from data that cannot be read here.";
    KnownBuild = "known_build", "The page is built like known lock pages, whatever it says.";
    AgentRedirect = "agent_redirect", "The page sends some browsers, languages or places elsewhere.";
}
