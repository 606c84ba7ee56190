//! A web server and a name server on loopback, small enough to misbehave as told.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;

/// Answers by path; stops when it is dropped.
pub struct WebServer {
    pub address: SocketAddr,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl WebServer {
    pub async fn start(ip: &str) -> Self {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(answer(stream));
            }
        });
        Self {
            address,
            requests,
            task,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(mut stream: TcpStream) {
    let mut request = vec![0; 4096];
    let length = stream.read(&mut request).await.unwrap_or(0);
    let text = String::from_utf8_lossy(&request[..length]);
    let target = text.split(' ').nth(1).unwrap_or("/").to_string();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let plain = "Connection: close\r\nContent-Type: text/plain\r\n";
    match path {
        "/hello" => {
            let text = format!("HTTP/1.1 200 OK\r\n{plain}Content-Length: 5\r\n\r\nhello");
            let _ = stream.write_all(text.as_bytes()).await;
        }
        "/to" | "/loop" => {
            let onward = if query.is_empty() { "/loop" } else { query };
            let text = format!(
                "HTTP/1.1 302 Found\r\n{plain}Location: {onward}\r\nContent-Length: 0\r\n\r\n"
            );
            let _ = stream.write_all(text.as_bytes()).await;
        }
        "/endless" => {
            let _ = stream
                .write_all(format!("HTTP/1.1 200 OK\r\n{plain}\r\n").as_bytes())
                .await;
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        }
        "/silent" => {
            // Until the client gives up.
            let _ = stream.read(&mut request).await;
        }
        "/trickle" => {
            let head = format!("HTTP/1.1 200 OK\r\n{plain}Content-Length: 100\r\n\r\nx");
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.read(&mut request).await;
        }
        _ => {
            let text = format!("HTTP/1.1 404 Not Found\r\n{plain}Content-Length: 0\r\n\r\n");
            let _ = stream.write_all(text.as_bytes()).await;
        }
    }
    let _ = stream.shutdown().await;
}

/// Answers DNS questions over UDP (RFC 1035 §4); stops when it is dropped.
pub struct NameServer {
    pub address: SocketAddr,
    questions: Arc<Mutex<HashMap<&'static str, usize>>>,
    task: JoinHandle<()>,
}

impl NameServer {
    /// `addresses` gives a name's addresses, from the name and how often A was asked before.
    pub async fn start(
        addresses: impl Fn(&str, usize) -> Vec<Ipv4Addr> + Send + Sync + 'static,
    ) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let questions = Arc::new(Mutex::new(HashMap::new()));
        let counted = Arc::clone(&questions);
        let task = tokio::spawn(async move {
            let mut packet = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut packet).await {
                if let Some(reply) = reply(&packet[..length], &addresses, &counted) {
                    let _ = socket.send_to(&reply, from).await;
                }
            }
        });
        Self {
            address,
            questions,
            task,
        }
    }

    pub fn questions(&self, kind: &str) -> usize {
        self.questions
            .lock()
            .unwrap()
            .get(kind)
            .copied()
            .unwrap_or(0)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn reply(
    query: &[u8],
    addresses: &impl Fn(&str, usize) -> Vec<Ipv4Addr>,
    questions: &Mutex<HashMap<&'static str, usize>>,
) -> Option<Vec<u8>> {
    let mut name = String::new();
    let mut at = 12;
    while *query.get(at)? != 0 {
        let length = usize::from(query[at]);
        name += std::str::from_utf8(query.get(at + 1..=at + length)?).ok()?;
        name.push('.');
        at += length + 1;
    }
    let question = query.get(12..at + 5)?;
    let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    let word = match kind {
        1 => "A",
        16 => "TXT",
        _ => "other",
    };
    let before = {
        let mut counts = questions.lock().unwrap();
        let count = counts.entry(word).or_default();
        *count += 1;
        *count - 1
    };
    let data: Vec<Vec<u8>> = match kind {
        1 => addresses(&name, before)
            .into_iter()
            .map(|address| match IpAddr::from(address) {
                IpAddr::V4(v4) => v4.octets().to_vec(),
                IpAddr::V6(v6) => v6.octets().to_vec(),
            })
            .collect(),
        16 if name.to_ascii_lowercase().starts_with("_ringfence.") => vec![
            strings(&["v=spf1 ", "-all"]),
            strings(&["ringfence-challenge"]),
        ],
        33 => services(&name),
        35 => pointers(&name),
        _ => Vec::new(),
    };
    let mut reply = query[..2].to_vec();
    reply.extend([0x81, 0x80, 0, 1]);
    reply.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
    reply.extend([0, 0, 0, 0]);
    reply.extend(question);
    for record in data {
        reply.extend([0xc0, 0x0c]);
        reply.extend(kind.to_be_bytes());
        reply.extend([0, 1, 0, 0, 0, 0]);
        reply.extend(u16::try_from(record.len()).ok()?.to_be_bytes());
        reply.extend(record);
    }
    Some(reply)
}

/// SRV (RFC 2782): an edge of priority 10 and one of 20, over UDP and over TCP; one that is not there.
fn services(asked: &str) -> Vec<Vec<u8>> {
    let service = |priority: u16, port: u16, host: &str| {
        let numbers = [priority, 0, port].map(u16::to_be_bytes).concat();
        [numbers, name(host)].concat()
    };
    match asked.to_ascii_lowercase().as_str() {
        "_sip._udp.carrier.test." => vec![
            service(20, 5062, "spare.test"),
            service(10, 5061, "edge.test"),
            service(5, 5060, "gone.test"),
        ],
        "_sip._tcp.carrier.test." | "_sip._tcp.pointed.test." => {
            vec![service(10, 5063, "edge.test")]
        }
        "_sip._udp.closed.test." => vec![service(0, 0, "")],
        _ => Vec::new(),
    }
}

/// NAPTR (RFC 3403 §4.1): TCP before UDP, and what nobody here speaks before both.
fn pointers(asked: &str) -> Vec<Vec<u8>> {
    let pointer = |preference: u16, services: &str, to: &str| {
        let numbers = [10, preference].map(u16::to_be_bytes).concat();
        [numbers, strings(&["s", services, ""]), name(to)].concat()
    };
    match asked.to_ascii_lowercase().as_str() {
        "pointed.test." => vec![
            pointer(20, "SIP+D2U", "_sip._udp.carrier.test"),
            pointer(10, "SIP+D2T", "_sip._tcp.pointed.test"),
            pointer(5, "SIP+D2S", "_sip._sctp.pointed.test"),
        ],
        _ => Vec::new(),
    }
}

/// A name as records hold it.
fn name(text: &str) -> Vec<u8> {
    let labels: Vec<&str> = text.split('.').filter(|label| !label.is_empty()).collect();
    [strings(&labels), vec![0]].concat()
}

fn strings(texts: &[&str]) -> Vec<u8> {
    texts
        .iter()
        .flat_map(|text| {
            let length = u8::try_from(text.len()).unwrap();
            std::iter::once(length).chain(text.bytes())
        })
        .collect()
}
