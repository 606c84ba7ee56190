//! Mail: what `[mail]` means, and `ringfence mail test`.

use anyhow::Context as _;
use ringfence_outbound::{Mail, MailError, MailServer, MailTls, Mailer};
use ringfence_platform::{now, random};

use crate::cli::MailCommand;
use crate::config::{Config, MailTlsWord};

/// The mail server that the configuration names; `None` when it names none.
///
/// # Errors
/// When something of it is missing or wrong.
pub fn mailer(config: &Config) -> anyhow::Result<Option<Mailer>> {
    let mail = &config.mail;
    let Some(host) = mail.host.clone() else {
        anyhow::ensure!(
            mail.from.is_none() && mail.user.is_none() && mail.password.is_none(),
            "mail.host: expected the name of a mail server, for other keys of [mail] are set; set it, or leave them out"
        );
        return Ok(None);
    };
    let from = mail.from.clone().context(
        "mail.from: expected the address that mails are from, for mail.host is set; set it to one such as reports@example.com",
    )?;
    let (tls, usual) = match mail.tls {
        MailTlsWord::Starttls => (MailTls::Starttls, 587),
        MailTlsWord::Implicit => (MailTls::Implicit, 465),
        MailTlsWord::Off => (MailTls::Off, 25),
    };
    let login = match (&mail.user, &mail.password) {
        (Some(user), Some(password)) => Some((user.clone(), password.0.clone())),
        (None, None) => None,
        (Some(_), None) => anyhow::bail!(
            "mail.password: expected the password of mail.user; set it or mail.password_file"
        ),
        (None, Some(_)) => {
            anyhow::bail!("mail.user: expected the user that mail.password belongs to")
        }
    };
    let roots = mail.tls_roots.as_ref().map(|path| {
        std::fs::read(path).with_context(|| format!("mail.tls_roots: reading {}", path.display()))
    });
    let server = MailServer {
        host,
        port: mail.port.map_or(usual, std::num::NonZeroU16::get),
        tls,
        roots: roots.transpose()?,
        login,
        from,
    };
    Ok(Some(Mailer::new(&server).context("[mail]")?))
}

/// Sends a test mail and says what became of it.
///
/// # Errors
/// When there is no mail server, or it does not take the mail, with what to do about it.
pub async fn run(config: &Config, command: &MailCommand) -> anyhow::Result<()> {
    let MailCommand::Test(wish) = command;
    let mailer = mailer(config)?.context(
        "expected a mail server, but the configuration names none; set host and from of [mail], see docs/mail.md",
    )?;
    let mail = Mail {
        id: format!("test-{:032x}", random()),
        to: wish.address.clone(),
        subject: "A test of Ringfence".into(),
        text: format!(
            "This server can send mail: this one was asked for by `ringfence mail test` at {}.\n",
            now()
        ),
        html: format!(
            "<p>This server can send mail: this one was asked for by <code>ringfence mail test</code> at {}.</p>\n",
            now()
        ),
        csv: None,
    };
    match mailer.send(&mail).await {
        Ok(said) => {
            println!("{mailer:?}: taken for {}: {said}", wish.address);
            Ok(())
        }
        Err(error) => {
            let advice = advice(&error);
            Err(anyhow::Error::new(error).context(advice))
        }
    }
}

const fn advice(error: &MailError) -> &'static str {
    match error {
        MailError::Away { .. } => "no mail was sent; look at mail.host, mail.port and the firewall",
        MailError::Tls { .. } => {
            "no mail was sent; look at mail.tls (starttls is usual on port 587, implicit on 465), and whether mail.host is the name that the certificate has; for a certificate of your own set mail.tls_roots"
        }
        MailError::Login { .. } => "no mail was sent; look at mail.user and mail.password",
        MailError::Later { .. } => "no mail was sent; the mail server may take it later",
        MailError::Refused { .. } => {
            "no mail was sent; look at mail.from, at the address, and at what mail.user may send"
        }
        MailError::To(_) | MailError::From(_) | MailError::Roots(_) | MailError::Message(_) => {
            "no mail was sent"
        }
    }
}
