//! Mail to the server that the operator names: one message at a time, over TLS unless told otherwise.
//!
//! Whom to write to and what is decided above; here a message is made (RFC 5322, RFC 2045) and handed over (RFC 5321), and
//! what went wrong is said in words.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{
    Certificate, CertificateStore, Tls, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::response::Response;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use tokio::sync::Semaphore;

/// How long one step of the talk with the server may take.
const STEP_TIME: Duration = Duration::from_secs(20);
/// How long a whole mail may take.
pub const MAIL_TIME: Duration = Duration::from_mins(1);
/// Mails that are on their way to the server at once.
const AT_ONCE: usize = 4;

/// How the talk with the mail server is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// Begun in the clear and changed to TLS before anything is said (STARTTLS, RFC 3207).
    Starttls,
    /// TLS from the first octet (RFC 8314).
    Implicit,
    /// Not at all.
    Off,
}

/// Where mail is handed over.
#[derive(Clone)]
pub struct MailServer {
    /// Its name, which its certificate has to have.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the talk is kept from others.
    pub tls: MailTls,
    /// With which certificates its own is compared, in PEM; `None` for those that browsers believe.
    pub roots: Option<Vec<u8>>,
    /// A user and the password.
    pub login: Option<(String, String)>,
    /// From whom mails are: `reports@example.com`, or `Reports <reports@example.com>`.
    pub from: String,
}

/// A mail to one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// What tells it from others, of letters, digits and `-`: the same at each attempt, so that a mail that comes twice can be
    /// known.
    pub id: String,
    /// The address.
    pub to: String,
    /// What it is about.
    pub subject: String,
    /// What it says, for programs that show text.
    pub text: String,
    /// The same for those that show HTML.
    pub html: String,
    /// A file of comma-separated values, with its name.
    pub csv: Option<(String, Vec<u8>)>,
}

/// Why a mail was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// No mail can be from this.
    #[error("from: expected an address such as reports@example.com, got {0:?}")]
    From(String),
    /// No mail can go there.
    #[error("expected a mail address, got {0:?}")]
    To(String),
    /// The certificates that are to be believed cannot be read.
    #[error("tls_roots: expected certificates in PEM: {0}")]
    Roots(String),
    /// The message cannot be put together.
    #[error("the mail could not be put together: {0}")]
    Message(String),
    /// Nobody is there.
    #[error("the mail server {server} could not be reached: {why}")]
    Away {
        /// Host and port.
        server: String,
        /// What was said.
        why: String,
    },
    /// The certificate is not believed, or TLS is not to be had.
    #[error("no TLS with the mail server {server}: {why}")]
    Tls {
        /// Host and port.
        server: String,
        /// What was said.
        why: String,
    },
    /// The user or the password is not taken.
    #[error("the mail server {server} does not take the user or password: {why}")]
    Login {
        /// Host and port.
        server: String,
        /// What was said.
        why: String,
    },
    /// It says no for now (RFC 5321 §4.2.1, 4yz).
    #[error("the mail server {server} takes it later: {why}")]
    Later {
        /// Host and port.
        server: String,
        /// What was said.
        why: String,
    },
    /// It says no for good (5yz).
    #[error("the mail server {server} refused it: {why}")]
    Refused {
        /// Host and port.
        server: String,
        /// What was said.
        why: String,
    },
}

impl MailError {
    /// Whether the same mail would be refused again.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::To(_) | Self::Message(_))
    }
}

/// Hands mails over. Cheap to clone.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    server: String,
    under_way: Arc<Semaphore>,
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mail from {} over {}", self.from, self.server)
    }
}

impl Mailer {
    /// Asks nobody yet.
    ///
    /// # Errors
    /// [`MailError::From`], [`MailError::Roots`].
    pub fn new(server: &MailServer) -> Result<Self, MailError> {
        let from: Mailbox = server
            .from
            .parse()
            .map_err(|_| MailError::From(server.from.clone()))?;
        let tls = match server.tls {
            MailTls::Off => Tls::None,
            MailTls::Starttls => Tls::Required(tls(server)?),
            MailTls::Implicit => Tls::Wrapper(tls(server)?),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host)
            .port(server.port)
            .tls(tls)
            .timeout(Some(STEP_TIME));
        if let Some((user, password)) = &server.login {
            builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
        }
        Ok(Self {
            transport: builder.build(),
            from,
            server: format!("{}:{}", server.host, server.port),
            under_way: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// From whom mails are.
    pub fn sender(&self) -> String {
        self.from.email.to_string()
    }

    /// Hands a mail over; answers what the server said.
    ///
    /// # Errors
    /// [`MailError`].
    pub async fn send(&self, mail: &Mail) -> Result<String, MailError> {
        let message = message(&self.from, mail)?;
        let away = |why: &str| MailError::Away {
            server: self.server.clone(),
            why: why.into(),
        };
        let handed_over = async {
            let Ok(_place) = self.under_way.acquire().await else {
                return Err(away("the server stops"));
            };
            let answer = self.transport.send(message).await;
            answer.map_err(|error| self.in_words(&error))
        };
        let answer = tokio::time::timeout(MAIL_TIME, handed_over).await;
        let result = answer
            .unwrap_or_else(|_| Err(away("it did not answer in time")))
            .map(|response| said(&response));
        let word = match &result {
            Ok(_) => "taken",
            Err(error) if error.is_final() => "refused",
            Err(_) => "later",
        };
        metrics::counter!("ringfence_mails_total", "result" => word).increment(1);
        result
    }

    fn in_words(&self, error: &lettre::transport::smtp::Error) -> MailError {
        let server = self.server.clone();
        let mut why = error.to_string();
        // What stands behind it says more than "network error".
        let mut source = std::error::Error::source(error);
        while let Some(inner) = source {
            let text = inner.to_string();
            if !why.contains(&text) {
                why = format!("{why}: {text}");
            }
            source = inner.source();
        }
        let code = error.status().map(u16::from);
        match code {
            // RFC 4954 §6, and RFC 3207 §4 for a server that wants TLS first.
            Some(530 | 534 | 535 | 538) => MailError::Login { server, why },
            _ if error.is_tls() || why.contains("certificate") || why.contains("STARTTLS") => {
                MailError::Tls { server, why }
            }
            _ if error.is_permanent() => MailError::Refused { server, why },
            _ if error.is_transient() => MailError::Later { server, why },
            _ => MailError::Away { server, why },
        }
    }
}

fn tls(server: &MailServer) -> Result<TlsParameters, MailError> {
    let mut builder = TlsParametersBuilder::new(server.host.clone());
    if let Some(pem) = &server.roots {
        let root =
            Certificate::from_pem(pem).map_err(|error| MailError::Roots(error.to_string()))?;
        builder = builder
            .certificate_store(CertificateStore::None)
            .add_root_certificate(root);
    }
    builder
        .build()
        .map_err(|error| MailError::Roots(error.to_string()))
}

fn said(response: &Response) -> String {
    let text: Vec<&str> = response.message().collect();
    let text = format!("{} {}", response.code(), text.join(" "));
    text.chars().take(200).collect()
}

fn message(from: &Mailbox, mail: &Mail) -> Result<Message, MailError> {
    let to: Address = mail
        .to
        .parse()
        .map_err(|_| MailError::To(mail.to.clone()))?;
    let domain = from.email.domain();
    let words = MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone());
    let body = match &mail.csv {
        None => words,
        Some((name, octets)) => {
            let kind = ContentType::parse("text/csv; charset=utf-8; header=present")
                .map_err(|error| MailError::Message(error.to_string()))?;
            let file: SinglePart = Attachment::new(name.clone()).body(octets.clone(), kind);
            MultiPart::mixed().multipart(words).singlepart(file)
        }
    };
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(mail.subject.clone())
        .message_id(Some(format!("<{}@{domain}>", mail.id)))
        // Nobody's holiday notice shall answer (RFC 3834 §5).
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".into(),
        ))
        .multipart(body)
        .map_err(|error| MailError::Message(error.to_string()))
}
