//! Rows about encryption.

use crate::kind::switch::Switch;
use crate::table::chapter;
use crate::table::words::*;

chapter! {
    /// Encryption with TLS (FTPS).
    ///
    /// Clients ask for it with AUTH TLS on the usual port; implicit_ssl is the old way with a port of its own.
    /// TLS 1.2 and 1.3 are spoken. The private keys are held by a process that meets no client.
    Tls in tls {
        /// Offers encryption to clients.
        ///
        /// Needs a certificate and its key, see rsa_cert_file. Users with an account must then encrypt, unless
        /// force_local_logins_ssl and force_local_data_ssl say otherwise; anonymous users may not, unless
        /// allow_anon_ssl says so.
        ssl_enable: bool = false, Main, NextSession, Better("takes effect without a restart"), Done;

        /// Begins with TLS at once, before the greeting.
        ///
        /// The old way, usually on port 990; set listen_port as well. Data connections need PROT P all the same.
        /// Clients that are turned away at once, because there are too many, are told so in clear.
        implicit_ssl: bool = false, Main, NextSession, Same, Done;

        /// Lets anonymous sessions use TLS.
        ///
        /// force_anon_logins_ssl permits it too.
        allow_anon_ssl: bool = false, Main, NextSession, Same, Done;

        /// Refuses logins of local users without TLS.
        ///
        /// It keeps passwords from crossing the network in clear. Has no effect without ssl_enable.
        force_local_logins_ssl: bool = true, Main, NextSession, Same, Done;

        /// Refuses data connections of local users without TLS.
        ///
        /// Has no effect without ssl_enable, and none on guests without the privileges of local users.
        force_local_data_ssl: bool = true, User, NextSession, Same, Done;

        /// Refuses anonymous logins without TLS.
        ///
        /// Has no effect without ssl_enable.
        force_anon_logins_ssl: bool = false, Main, NextSession, Same, Done;

        /// Refuses data connections of anonymous sessions without TLS.
        ///
        /// Holds for guests without the privileges of local users as well. Has no effect without ssl_enable.
        force_anon_data_ssl: bool = false, User, NextSession, Same, Done;

        /// Requires data connections to continue the TLS session of their control connection.
        ///
        /// It proves that both ends are the same client. Some clients cannot do it and get 522; for them, set NO, or
        /// AUTO, which requires it of a session from the first data connection on with which its client has shown that
        /// it can. `wharfd share` has AUTO.
        require_ssl_reuse: switch = Switch::On, Main, NextSession,
            Better("AUTO serves clients that cannot and binds those that can"), Done;

        /// The file of the certificate and its chain, in PEM form.
        ///
        /// The server's own certificate comes first, then those on the way to the authority. The name is vsftpd's:
        /// the key may be RSA (2048 bits or more), ECDSA or Ed25519. A renewed file is noticed within seconds and
        /// shown to the next client; one that cannot be used is reported, and the one before stays. Set to nothing
        /// when dsa_cert_file has the only one.
        rsa_cert_file: text = "/usr/share/ssl/certs/vsftpd.pem", Main, Reload,
            Better("renewed files are noticed without a restart"), Done;

        /// The file of the private key, in PEM form; not set means that it stands in rsa_cert_file.
        ///
        /// It must not be protected by a password. Only root should be able to read it.
        rsa_private_key_file: text = UNSET, Main, Reload,
            Better("renewed files are noticed without a restart"), Done;

        /// The file of a second certificate, for instance one with an elliptic curve key.
        ///
        /// Each client is shown one that it can check. The name is vsftpd's; keys of the kind DSA are not spoken.
        dsa_cert_file: text = UNSET, Main, Reload, Better("renewed files are noticed without a restart"), Done;

        /// The file of the second private key; not set means that it stands in dsa_cert_file.
        dsa_private_key_file: text = UNSET, Main, Reload,
            Better("renewed files are noticed without a restart"), Done;

        /// The file of authorities that client certificates are checked against, in PEM form.
        ///
        /// See validate_cert. What stands in it is looked at by `wharfd check`, at the start and at each reload; a changed
        /// file that cannot be used is told, and the one before stays.
        ca_certs_file: text = UNSET, Main, NextSession,
            Better("a changed file is noticed without a restart"), Done;

        /// Asks clients for a certificate that validate_cert can check.
        ///
        /// A client without one is served all the same, unless require_cert is on. Without validate_cert and
        /// require_cert nothing would follow from the answer, so no client is asked.
        ssl_request_cert: bool = true, Main, NextSession,
            Better("nobody is bothered for a certificate that means nothing"), Done;

        /// Refuses clients without a certificate.
        ///
        /// Clients are asked for it whatever ssl_request_cert says. Which certificates are good enough is up to
        /// validate_cert. It takes the place of no password.
        require_cert: bool = false, Main, NextSession,
            Better("holds with ssl_request_cert=NO as well"), Done;

        /// Refuses client certificates that ca_certs_file does not vouch for.
        ///
        /// Without it any certificate is good enough. Needs ca_certs_file.
        validate_cert: bool = false, Main, NextSession, Same, Done;

        /// The only server name that clients may ask for.
        ///
        /// A client that names another, or none, is refused, whatever other certificates there are (ssl_cert_dir).
        /// Many clients name none.
        ssl_sni_hostname: text = UNSET, Main, NextSession, Same, Done;

        /// Permits SSL 2, which is broken and not spoken here.
        ssl_sslv2: bool = false, Main, NextSession, Same,
            Pointless("SSL 2 is broken and not spoken; clients need TLS 1.2 or 1.3");

        /// Permits SSL 3, which is broken and not spoken here.
        ssl_sslv3: bool = false, Main, NextSession, Same,
            Pointless("SSL 3 is broken and not spoken; clients need TLS 1.2 or 1.3");

        /// Permits TLS 1.0, which is outdated and not spoken here.
        ssl_tlsv1: bool = false, Main, NextSession, Same,
            Pointless("TLS 1.0 is outdated and not spoken (RFC 8996); clients need TLS 1.2 or 1.3");

        /// Permits TLS 1.1, which is outdated and not spoken here.
        ssl_tlsv1_1 (ssl_tlsv11): bool = false, Main, NextSession, Better("both spellings are accepted"),
            Pointless("TLS 1.1 is outdated and not spoken (RFC 8996); clients need TLS 1.2 or 1.3");

        /// Permits TLS 1.2.
        ssl_tlsv1_2 (ssl_tlsv12): bool = true, Main, NextSession, Better("both spellings are accepted"), Done;

        /// Permits TLS 1.3.
        ssl_tlsv1_3 (ssl_tlsv13): bool = true, Main, NextSession, Better("both spellings are accepted"), Done;

        /// The ciphers permitted with TLS 1.2, in OpenSSL's notation.
        ///
        /// Those of TLS 1.3 are all permitted. Six can be spoken with TLS 1.2: ECDHE-RSA or ECDHE-ECDSA with
        /// AES256-GCM-SHA384, AES128-GCM-SHA256 or CHACHA20-POLY1305; others in a list are left out. The default
        /// permits all six, and so does HIGH. A certificate with an elliptic curve key needs one of ECDHE-ECDSA.
        ssl_ciphers: text = "ECDHE-RSA-AES256-GCM-SHA384", Main, NextSession,
            Better("the default permits certificates with every kind of key"), Done;

        /// The file of Diffie-Hellman parameters.
        ///
        /// Known to the builds of RHEL and Fedora only.
        dh_param_file: text = UNSET, Main, NextSession, Same,
            Pointless("keys are agreed on over elliptic curves, which need no parameters of a file");

        /// The file of elliptic curve parameters.
        ///
        /// Known to the builds of RHEL and Fedora only.
        ecdh_param_file: text = UNSET, Main, NextSession, Same,
            Pointless("client and server choose among curves with names, which need no parameters of a file");

        /// Requires uploads to end with TLS's own end mark.
        ///
        /// It tells a complete upload from one that somebody cut off.
        strict_ssl_read_eof: bool = true, Main, NextSession, Same, Done;

        /// Requires clients to confirm the end of downloads with TLS's own end mark.
        ///
        /// Many clients never do.
        strict_ssl_write_shutdown: bool = false, Main, NextSession, Same, Done;

        /// Logs the version, cipher and client certificate of each handshake.
        debug_ssl: bool = false, Main, NextSession, Same, Done;
    }
}
