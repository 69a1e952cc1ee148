//! TLS as the address asks for it.

use std::path::Path;
use std::sync::Arc;

use haltpoint_engine::store::StoreError;
use haltpoint_engine::store::rules::unusable;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::dsn::{Check, TlsFiles};

/// What connections are made with.
pub(crate) fn connector(files: &TlsFiles) -> Result<MakeRustlsConnect, StoreError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(unfit)?;
    let builder = match files.check {
        Check::AuthorityAndName => builder.with_root_certificates(roots(files.roots.as_deref())?),
        check => {
            let roots = match check {
                Check::Nothing => None,
                _ => Some(roots(files.roots.as_deref())?),
            };
            let verifier = Arc::new(Lenient { roots, provider });
            builder.dangerous().with_custom_certificate_verifier(verifier)
        }
    };
    let config = match (&files.certificate, &files.key) {
        (Some(certificate), Some(key)) => {
            let (chain, key) = (certificates(certificate)?, private_key(key)?);
            builder.with_client_auth_cert(chain, key).map_err(unfit)?
        }
        (None, None) => builder.with_no_client_auth(),
        _ => {
            return Err(unusable(
                "a client certificate needs both parameters of the address, sslcert and sslkey".to_owned(),
            ));
        }
    };
    Ok(MakeRustlsConnect::new(config))
}

fn unfit(error: Error) -> StoreError {
    unusable(format!("TLS cannot be set up for the database: {error}"))
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> StoreError {
    unusable(format!("the PEM file {} cannot be read: {error}", path.display()))
}

fn roots(path: Option<&Path>) -> Result<RootCertStore, StoreError> {
    let mut store = RootCertStore::empty();
    let found = match path {
        Some(path) => certificates(path)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    // The system's may hold some that are too old to be used.
    let (added, _) = store.add_parsable_certificates(found);
    match (added, path) {
        (0, Some(path)) => Err(unreadable(path, &"it holds no certificate of an authority")),
        (0, None) => Err(unusable(
            "this system has no certificates of authorities; name a file of them with the address's parameter sslrootcert".to_owned(),
        )),
        _ => Ok(store),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let read = CertificateDer::pem_file_iter(path).map_err(|error| unreadable(path, &error))?;
    read.collect::<Result<_, _>>().map_err(|error| unreadable(path, &error))
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, StoreError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| unreadable(path, &error))
}

/// Checks less than browsers do, as the address asks for it: not for whom the certificate is, or nothing of it.
#[derive(Debug)]
struct Lenient {
    roots: Option<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(roots) = &self.roots {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
