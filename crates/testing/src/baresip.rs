//! baresip as a peer: a telephone that many people have, on loopback, told what to do over its control port
//! (`ctrl_tcp`: netstrings of JSON), killed when it is dropped.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

/// How long a telephone may take to start, and an event to come.
const PATIENCE: Duration = Duration::from_secs(20);
/// The first packet of sound came.
const MEDIA: &str = "CALL_RTPESTAB";

/// Events that nobody has asked for yet.
const EVENTS: usize = 1024;

/// Where a baresip registers.
#[derive(Debug, Clone)]
pub struct Registrar {
    /// The registrar's address.
    pub address: SocketAddr,
    /// The password of the user, without spaces.
    pub password: String,
    /// `udp` or `tcp`.
    pub transport: &'static str,
    /// Seconds between registrations.
    pub interval: u32,
}

/// A running baresip with one account. It plays a tone and throws away what it hears.
#[derive(Debug)]
pub struct Baresip {
    address: SocketAddr,
    control: OwnedWriteHalf,
    events: mpsc::Receiver<Value>,
    /// The first sound of the call, when it came before anybody waited for it.
    hears: Option<Value>,
    _child: Child,
    folder: TempDir,
}

/// A port of loopback that is free for UDP and TCP and has a free one after it: baresip takes that for TLS.
///
/// # Panics
/// When loopback has none.
pub fn free_ports() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, crate::ports::free_ports(2)))
}

impl Baresip {
    /// Starts one at `address` (see [`free_ports`]) whose number is `user` and who plays a tone of `tone_hz`.
    ///
    /// # Panics
    /// When baresip cannot be started: it is Debian's package of that name.
    pub async fn start(address: SocketAddr, user: &str, tone_hz: u32) -> Self {
        let account = format!("<sip:{user}@127.0.0.1>;regint=0;answermode=manual\n");
        Self::with_account(address, account, tone_hz, 1).await
    }

    /// The same, but it registers as `user`, at once: what comes of that is there before its events can be heard.
    ///
    /// # Panics
    /// As [`Baresip::start`] does.
    pub async fn registered(
        address: SocketAddr,
        user: &str,
        registrar: &Registrar,
        tone_hz: u32,
    ) -> Self {
        Self::with_lines(address, user, registrar, tone_hz, 1).await
    }

    /// The same, with so many calls at once.
    ///
    /// # Panics
    /// As [`Baresip::start`] does.
    pub async fn with_lines(
        address: SocketAddr,
        user: &str,
        registrar: &Registrar,
        tone_hz: u32,
        lines: u32,
    ) -> Self {
        let Registrar {
            address: at,
            password,
            transport,
            interval,
        } = registrar;
        let account = format!(
            "<sip:{user}@{at};transport={transport}>;auth_pass={password};regint={interval};answermode=manual\n"
        );
        Self::with_account(address, account, tone_hz, lines).await
    }

    async fn with_account(address: SocketAddr, account: String, tone_hz: u32, lines: u32) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let control = SocketAddr::from((Ipv4Addr::LOCALHOST, crate::ports::free_port()));
        for (name, text) in [
            ("config", configuration(address, control, tone_hz, lines)),
            ("accounts", account),
            ("contacts", String::new()),
        ] {
            std::fs::write(folder.path().join(name), text)
                .expect("a temporary file can be written");
        }
        let log = std::fs::File::create(folder.path().join("log"))
            .expect("a temporary file can be written");
        let errors = log.try_clone().expect("a file can be opened twice");
        let mut child = Command::new("baresip")
            .arg("-s")
            .arg("-f")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "baresip could not be started ({error}); install it: apt-get install baresip"
                )
            });
        let until = Instant::now() + PATIENCE;
        let stream = loop {
            if let Ok(stream) = TcpStream::connect(control).await {
                break stream;
            }
            let ended = child
                .try_wait()
                .expect("a process of ours can be asked")
                .is_some();
            assert!(!ended && Instant::now() < until, "{}", said(&folder));
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let (reading, control) = stream.into_split();
        let (told, events) = mpsc::channel(EVENTS);
        tokio::spawn(listen(BufReader::new(reading), told));
        Self {
            address,
            control,
            events,
            hears: None,
            _child: child,
            folder,
        }
    }

    /// The SIP URI that reaches it.
    pub fn uri(&self) -> String {
        format!("sip:target@{}", self.address)
    }

    /// Calls somebody.
    pub async fn dial(&mut self, uri: &str) {
        self.hears = None;
        self.tell("dial", uri).await;
    }

    /// Waits for a call and takes it.
    pub async fn answer(&mut self) {
        self.event("CALL_INCOMING").await;
        self.hears = None;
        self.tell("accept", "").await;
    }

    /// Puts the other side on hold (a re-INVITE with `a=sendonly`).
    pub async fn hold(&mut self) {
        self.tell("hold", "").await;
    }

    /// Comes back from hold.
    pub async fn resume(&mut self) {
        self.tell("resume", "").await;
    }

    /// Asks for the other side to be put through to somebody else (REFER, RFC 3515).
    pub async fn transfer(&mut self, uri: &str) {
        self.tell("transfer", uri).await;
    }

    /// Goes to another of its calls: 1 is the first.
    pub async fn line(&mut self, number: u32) {
        self.tell("line", &number.to_string()).await;
    }

    /// How others name the dialog with `user` whom it has called (RFC 3891), escaped as in a URI: its own trace has the tags.
    ///
    /// # Panics
    /// When it has called nobody of that name who answered.
    pub fn replaces(&self, user: &str) -> String {
        let log = said(&self.folder);
        let to = format!("To: <sip:{user}@");
        let messages = log.split("\r\n\r\n").chain(log.split("\n\n"));
        let found = messages.filter_map(|message| {
            let line = |name: &str| message.lines().find(|line| line.starts_with(name));
            let tag = |line: &str| Some(line.split(";tag=").nth(1)?.trim().to_owned());
            let to_tag = tag(line(&to)?)?;
            let from_tag = tag(line("From:")?)?;
            let id = line("Call-ID:")?.split_once(':')?.1.trim();
            Some(format!("{id}%3Bto-tag%3D{to_tag}%3Bfrom-tag%3D{from_tag}"))
        });
        let found: Vec<String> = found.collect();
        let last = found.last().cloned();
        last.unwrap_or_else(|| panic!("expected a call to {user}:\n{log}"))
    }

    /// Ends the call: BYE, or CANCEL while it rings.
    pub async fn hang_up(&mut self) {
        self.tell("hangup", "").await;
    }

    /// Waits for the next event of this type, such as `CALL_ESTABLISHED` or `CALL_CLOSED`, and forgets those before; but
    /// for the first sound (`CALL_RTPESTAB`), which may come before the answer that it belongs to.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn event(&mut self, kind: &str) -> Value {
        if kind == MEDIA
            && let Some(event) = self.hears.take()
        {
            return event;
        }
        let mut before = Vec::new();
        let wanted = async {
            while let Some(event) = self.events.recv().await {
                if event["type"] == kind {
                    return Some(event);
                }
                before.push(event["type"].as_str().unwrap_or_default().to_owned());
                if event["type"] == MEDIA {
                    self.hears = Some(event);
                }
            }
            None
        };
        let came = tokio::time::timeout(PATIENCE, wanted).await.ok().flatten();
        came.unwrap_or_else(|| {
            panic!(
                "baresip told nothing of {kind}, only {before:?}:\n{}",
                said(&self.folder)
            )
        })
    }

    async fn tell(&mut self, command: &str, parameters: &str) {
        let message = json!({ "command": command, "params": parameters }).to_string();
        let netstring = format!("{}:{message},", message.len());
        self.control
            .write_all(netstring.as_bytes())
            .await
            .unwrap_or_else(|error| panic!("baresip left ({error}):\n{}", said(&self.folder)));
    }
}

/// Its tone generator knows 48 kHz and two channels only; baresip makes 8 kHz and one of them.
fn configuration(address: SocketAddr, control: SocketAddr, tone_hz: u32, lines: u32) -> String {
    format!(
        "sip_listen {address}\nnet_interface {host}\ncall_max_calls {lines}\n\
         audio_source ausine,{tone_hz}\naudio_player aubridge,nowhere\n\
         ausrc_srate 48000\nausrc_channels 2\n\
         module_path /usr/lib/baresip/modules\nmodule g711.so\nmodule ausine.so\nmodule aubridge.so\n\
         module_app account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\nctrl_tcp_listen {control}\n",
        host = address.ip()
    )
}

async fn listen(mut control: BufReader<OwnedReadHalf>, told: mpsc::Sender<Value>) {
    while let Some(message) = netstring(&mut control).await {
        let event = serde_json::from_slice::<Value>(&message).unwrap_or_default();
        if event["event"] == true && told.send(event).await.is_err() {
            return;
        }
    }
}

/// `LENGTH:OCTETS,`; `None` when the other side has left.
async fn netstring(control: &mut BufReader<OwnedReadHalf>) -> Option<Vec<u8>> {
    let mut length: usize = 0;
    loop {
        match control.read_u8().await.ok()? {
            b':' => break,
            digit => length = length * 10 + usize::from(digit.checked_sub(b'0')?),
        }
    }
    let mut message = vec![0; length];
    control.read_exact(&mut message).await.ok()?;
    (control.read_u8().await.ok()? == b',').then_some(message)
}

fn said(folder: &TempDir) -> String {
    std::fs::read_to_string(folder.path().join("log")).unwrap_or_default()
}
