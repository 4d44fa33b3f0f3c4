//! Rows about encryption.

use crate::table::chapter;
use crate::table::words::*;

/// What all these rows wait for.
const FTPS: crate::State = NotYet("FTPS");

chapter! {
    /// Encryption with TLS (FTPS).
    ///
    /// It is not carried out yet. The options are accepted so that existing files load, but
    /// ssl_enable=YES is an error: a server that pretended to encrypt would be dangerous.
    Tls in tls {
        /// Offers encryption to clients.
        ///
        /// As long as FTPS is missing, YES is an error and the server does not start.
        ssl_enable: bool = false, Main, Restart, Same, FTPS;

        /// Begins with TLS at once, before the greeting.
        ///
        /// The old way, usually on port 990; set listen_port as well.
        implicit_ssl: bool = false, Main, Restart, Same, FTPS;

        /// Lets anonymous sessions use TLS.
        allow_anon_ssl: bool = false, Main, NextSession, Same, FTPS;

        /// Refuses logins of local users without TLS.
        ///
        /// It keeps passwords from crossing the network in clear.
        force_local_logins_ssl: bool = true, Main, NextSession, Same, FTPS;

        /// Refuses data connections of local users without TLS.
        force_local_data_ssl: bool = true, User, NextSession, Same, FTPS;

        /// Refuses anonymous logins without TLS.
        force_anon_logins_ssl: bool = false, Main, NextSession, Same, FTPS;

        /// Refuses data connections of anonymous sessions without TLS.
        force_anon_data_ssl: bool = false, User, NextSession, Same, FTPS;

        /// Requires data connections to continue the TLS session of their control connection.
        ///
        /// It proves that both ends are the same client. Some clients cannot do it.
        require_ssl_reuse: bool = true, Main, NextSession, Same, FTPS;

        /// The file of the certificate and its chain, in PEM form.
        rsa_cert_file: text = "/usr/share/ssl/certs/vsftpd.pem", Main, Restart, Same, FTPS;

        /// The file of the private key, in PEM form; not set means that it stands in rsa_cert_file.
        rsa_private_key_file: text = UNSET, Main, Restart, Same, FTPS;

        /// The file of a second certificate, for instance one with an elliptic curve key.
        dsa_cert_file: text = UNSET, Main, Restart, Same, FTPS;

        /// The file of the second private key; not set means that it stands in dsa_cert_file.
        dsa_private_key_file: text = UNSET, Main, Restart, Same, FTPS;

        /// The file of authorities that client certificates are checked against.
        ca_certs_file: text = UNSET, Main, Restart, Same, FTPS;

        /// Asks clients for a certificate.
        ssl_request_cert: bool = true, Main, Restart, Same, FTPS;

        /// Refuses clients without a certificate.
        require_cert: bool = false, Main, Restart, Same, FTPS;

        /// Refuses client certificates that ca_certs_file does not vouch for.
        ///
        /// Without it any certificate is good enough.
        validate_cert: bool = false, Main, Restart, Same, FTPS;

        /// The only server name that clients may ask for.
        ///
        /// A client that names another, or none, is refused.
        ssl_sni_hostname: text = UNSET, Main, Restart, Same, FTPS;

        /// Permits SSL 2, which nobody should use.
        ssl_sslv2: bool = false, Main, Restart, Same, FTPS;

        /// Permits SSL 3, which nobody should use.
        ssl_sslv3: bool = false, Main, Restart, Same, FTPS;

        /// Permits TLS 1.0, which is outdated.
        ssl_tlsv1: bool = false, Main, Restart, Same, FTPS;

        /// Permits TLS 1.1, which is outdated.
        ssl_tlsv1_1 (ssl_tlsv11): bool = false, Main, Restart, Better("both spellings are accepted"), FTPS;

        /// Permits TLS 1.2.
        ssl_tlsv1_2 (ssl_tlsv12): bool = true, Main, Restart, Better("both spellings are accepted"), FTPS;

        /// Permits TLS 1.3.
        ssl_tlsv1_3 (ssl_tlsv13): bool = true, Main, Restart, Better("both spellings are accepted"), FTPS;

        /// The ciphers permitted up to TLS 1.2, in OpenSSL's notation.
        ssl_ciphers: text = "ECDHE-RSA-AES256-GCM-SHA384", Main, Restart, Same, FTPS;

        /// The file of Diffie-Hellman parameters.
        ///
        /// Known to the builds of RHEL and Fedora only.
        dh_param_file: text = UNSET, Main, Restart, Same, FTPS;

        /// The file of elliptic curve parameters.
        ///
        /// Known to the builds of RHEL and Fedora only.
        ecdh_param_file: text = UNSET, Main, Restart, Same, FTPS;

        /// Requires uploads to end with TLS's own end mark.
        ///
        /// It tells a complete upload from one that somebody cut off.
        strict_ssl_read_eof: bool = true, Main, NextSession, Same, FTPS;

        /// Requires clients to confirm the end of downloads with TLS's own end mark.
        strict_ssl_write_shutdown: bool = false, Main, NextSession, Same, FTPS;

        /// Logs details of TLS.
        debug_ssl: bool = false, Main, NextSession, Same, FTPS;
    }
}
