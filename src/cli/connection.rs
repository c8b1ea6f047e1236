//! The HTTP client: proxies of the environment, TLS, and an ear for what is said early.

use crate::input::{self, CliError};
use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, NextTimeout, RustlsConnector, TcpConnector, Transport,
};
use ureq::{Agent, Error};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(15);

/// How long a server may take or give nothing at all.
const STALL: Duration = Duration::from_secs(60);

/// Whether the server stopped taking what is sent.
pub type Gone = Arc<AtomicBool>;

/// A client that follows no redirects: a key is for one address.
pub fn agent(gone: &Gone) -> Result<Agent, CliError> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_connect(Some(CONNECT))
        .timeout_per_read(Some(STALL))
        .timeout_per_write(Some(STALL))
        .user_agent(concat!("mayuse/", env!("CARGO_PKG_VERSION")))
        .tls_config(TlsConfig::builder().root_certs(roots()?).build())
        .build();
    let connector =
        ().chain(ConnectProxyConnector::default())
            .chain(TcpConnector::default())
            .chain(Listen(Arc::clone(gone)))
            .chain(RustlsConnector::default());
    Ok(Agent::with_parts(config, connector, DefaultResolver::default()))
}

/// Who vouches for a server: those in the file SSL_CERT_FILE, as for other programs; else those
/// that browsers know. Companies that look into their own traffic have such a file.
fn roots() -> Result<RootCerts, CliError> {
    let Some(path) = env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()) else {
        return Ok(RootCerts::WebPki);
    };
    let failed = |error| CliError::Io { what: format!("SSL_CERT_FILE {}", input::name(Path::new(&path))), error };
    let pem = fs::read(&path).map_err(failed)?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| failed(error.into_io()))? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(failed(io::Error::other("there is no certificate in it")));
    }
    Ok(RootCerts::from(certificates))
}

/// A server that refuses may answer and hang up before it has all of the body. Sending fails then,
/// and the answer still stands to be read: so what cannot be sent is dropped, and said to be gone.
#[derive(Debug)]
struct Listen(Gone);

#[derive(Debug)]
struct Listening<T> {
    inner: T,
    gone: Gone,
    error: Option<io::Error>,
}

impl<T: Transport> Connector<T> for Listen {
    type Out = Listening<T>;

    fn connect(&self, _: &ConnectionDetails<'_>, chained: Option<T>) -> Result<Option<Listening<T>>, Error> {
        self.0.store(false, Ordering::Relaxed);
        Ok(chained.map(|inner| Listening { inner, gone: Arc::clone(&self.0), error: None }))
    }
}

impl<T: Transport> Transport for Listening<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.error.is_none()
            && let Err(error) = self.inner.transmit_output(amount, timeout)
        {
            self.error = Some(error.into_io());
            self.gone.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        // Why nothing more could be sent says more than that nothing came back.
        match (self.inner.await_input(timeout), self.error.take()) {
            (Ok(false) | Err(_), Some(error)) => Err(Error::Io(error)),
            (outcome, error) => {
                self.error = error;
                outcome
            }
        }
    }

    fn is_open(&mut self) -> bool {
        self.error.is_none() && self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
