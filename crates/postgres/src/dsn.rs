//! The address of a database: a URL as PostgreSQL's own tools take it. What it says of passwords never gets into a message.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use haltpoint_engine::store::StoreError;
use haltpoint_engine::store::rules::unusable;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// How much of the server's certificate is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    Nothing,
    /// That a known authority has signed it.
    Authority,
    /// As before, and that it is for this host.
    AuthorityAndName,
}

/// What the address says of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    pub(crate) check: Check,
    /// The certificates of authorities; the system's where there is none.
    pub(crate) roots: Option<PathBuf>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

/// An address.
pub(crate) struct Address {
    pub(crate) config: Config,
    pub(crate) tls: TlsFiles,
    /// What messages call it.
    pub(crate) name: String,
}

/// Whether a text is the address of a PostgreSQL database, and no file's name.
#[must_use]
pub fn is_address(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("postgresql") || scheme.eq_ignore_ascii_case("postgres"))
}

/// What messages may call the database of an address: no user, no password, no parameters.
#[must_use]
pub fn name_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    // A password may hold a slash or an @ that should have been escaped: all before the last @ is left out.
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    format!("postgresql://{place}")
}

impl Address {
    /// Reads a URL. Without a time limit of its own, a connection attempt ends after ten seconds, and a link that is cut is noticed within
    /// about fifteen.
    pub(crate) fn parse(url: &str) -> Result<Self, StoreError> {
        if !is_address(url) {
            return Err(unusable(
                "the address of a PostgreSQL database is a URL that begins with postgresql://, such as \
                 postgresql://user@host:5432/database"
                    .to_owned(),
            ));
        }
        let name = name_of(url);
        let (rest, tls) = Self::without_tls(url, &name)?;
        // The error of the parser may quote what it could not read.
        let mut config = Config::from_str(&rest.url).map_err(|_| {
            unusable(format!(
                "the address {name} cannot be read; special characters in its user and password are written as %XX, and its parameters \
                 are those of PostgreSQL's own tools"
            ))
        })?;
        config.ssl_mode(rest.mode);
        complete(&mut config);
        Ok(Self { config, tls, name })
    }

    /// Takes the parameters about TLS out that the client does not know.
    fn without_tls(url: &str, name: &str) -> Result<(Rest, TlsFiles), StoreError> {
        let (base, parameters) = url.split_once('?').unwrap_or((url, ""));
        let mut kept = Vec::new();
        let mut tls = TlsFiles {
            check: Check::Nothing,
            roots: None,
            certificate: None,
            key: None,
        };
        let mut mode = "prefer".to_owned();
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match key {
                "sslmode" => mode = value.to_owned(),
                "sslrootcert" if value == "system" => tls.check = Check::Authority,
                "sslrootcert" => tls.roots = Some(decoded(value).into()),
                "sslcert" => tls.certificate = Some(decoded(value).into()),
                "sslkey" => tls.key = Some(decoded(value).into()),
                _ => kept.push(parameter),
            }
        }
        // As the server's own client does: who names authorities wants them asked.
        if tls.roots.is_some() {
            tls.check = Check::Authority;
        }
        let mode = match mode.as_str() {
            "disable" => SslMode::Disable,
            "allow" | "prefer" => SslMode::Prefer,
            "require" => SslMode::Require,
            "verify-ca" => {
                tls.check = Check::Authority;
                SslMode::Require
            }
            "verify-full" => {
                tls.check = Check::AuthorityAndName;
                SslMode::Require
            }
            _ => {
                return Err(unusable(format!(
                    "the parameter sslmode of the address {name} must be disable, allow, prefer, require, verify-ca or verify-full"
                )));
            }
        };
        let url = match kept.is_empty() {
            true => base.to_owned(),
            false => format!("{base}?{}", kept.join("&")),
        };
        Ok((Rest { url, mode }, tls))
    }
}

/// What is left of an address.
struct Rest {
    url: String,
    mode: SslMode,
}

fn complete(config: &mut Config) {
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        config.host("localhost");
    }
    if config.get_application_name().is_none() {
        config.application_name("haltpoint");
    }
    config.connect_timeout(config.get_connect_timeout().copied().unwrap_or(Duration::from_secs(10)));
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(Duration::from_secs(10));
    }
    config.keepalives_idle(Duration::from_secs(5));
    config.keepalives_interval(Duration::from_secs(3));
    config.keepalives_retries(3);
}

/// Whether all hosts are sockets of this machine, for which there is no TLS.
pub(crate) fn is_local(config: &Config) -> bool {
    let is_tcp = |host: &Host| matches!(host, Host::Tcp(_));
    !config.get_hosts().iter().any(is_tcp) && config.get_hostaddrs().is_empty()
}

/// A value of a parameter, whose special characters are written as %XX.
fn decoded(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = match (first, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_told_from_a_file_by_its_scheme() {
        assert!(is_address("postgresql://host/db"));
        assert!(is_address("Postgres://host/db"));
        assert!(!is_address("runs.db"));
        assert!(!is_address("mysql://host/db"));
    }

    #[test]
    fn no_message_has_the_password() {
        for url in [
            "postgresql://ada:s3cret@host:5432/db?sslmode=require",
            "postgresql://ada:s3cret/@odd@host/db",
            "postgresql://host/db?password=s3cret",
        ] {
            let name = name_of(url);
            assert!(!name.contains("s3cret"), "{name}");
            assert!(name.contains("host"), "{name}");
        }
        let Err(error) = Address::parse("postgresql://ada:s3cret@host:port/db") else {
            panic!("not a port");
        };
        assert!(!error.to_string().contains("s3cret"), "{error}");
        let Err(error) = Address::parse("postgresql://ada:s3cret@host/db?sslmode=s3cret") else {
            panic!("not a mode");
        };
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }

    #[test]
    fn the_parameters_about_tls_say_what_is_checked() {
        let check = |url: &str| Address::parse(url).map(|address| (address.config.get_ssl_mode(), address.tls.check));
        let url = "postgresql://h/d?application_name=x&sslmode=";
        assert_eq!(check("postgresql://h/d").unwrap(), (SslMode::Prefer, Check::Nothing));
        assert_eq!(
            check(&format!("{url}disable")).unwrap(),
            (SslMode::Disable, Check::Nothing)
        );
        assert_eq!(
            check(&format!("{url}require")).unwrap(),
            (SslMode::Require, Check::Nothing)
        );
        assert_eq!(
            check(&format!("{url}verify-ca")).unwrap(),
            (SslMode::Require, Check::Authority)
        );
        assert_eq!(
            check(&format!("{url}verify-full&sslrootcert=/a%20b.pem")).unwrap(),
            (SslMode::Require, Check::AuthorityAndName)
        );
        let address = Address::parse(&format!("{url}require&sslrootcert=/a%20b.pem")).unwrap();
        assert_eq!(address.tls.roots, Some("/a b.pem".into()));
        assert_eq!(address.tls.check, Check::Authority);
    }
}
