//! Rows about certificates that are ordered from an authority.

use crate::table::chapter;
use crate::table::words::*;

chapter! {
    /// Certificates that come by themselves (ACME).
    ///
    /// With acme_domains and ssl_enable the server orders its certificate from an authority, Let's Encrypt for
    /// instance, and renews it when a third of its life is left. The authority checks that the names lead to this
    /// machine by calling it on port 80 or 443; the port is open only while it does. Until the first certificate is
    /// there, clients are shown one that nobody vouches for, and the log says how the order goes. When a renewal fails,
    /// the old certificate stays and the log says why.
    Acme in acme {
        /// The names that a certificate is ordered for, separated by commas; not set means that none is ordered.
        ///
        /// All of them must lead to this machine in the name system. Patterns such as `*.example.org` cannot be
        /// proved in the ways known here. Needs ssl_enable and acme_accept_terms, and takes the place of
        /// rsa_cert_file, which must not be set.
        acme_domains: text = UNSET, Main, Reload, Own, Done;

        /// Says that you agree to the authority's terms of service.
        ///
        /// No authority issues certificates otherwise. Those of Let's Encrypt are at
        /// https://letsencrypt.org/repository/; the log shows where those of your authority are.
        acme_accept_terms: bool = false, Main, Reload, Own, Done;

        /// The mail address that the authority may write to.
        ///
        /// Some authorities insist on one; Let's Encrypt does not use it any more.
        acme_email: text = UNSET, Main, Reload, Own, Done;

        /// The address of the authority's directory.
        ///
        /// For first tries with Let's Encrypt, https://acme-staging-v02.api.letsencrypt.org/directory gives
        /// certificates that no client trusts and has generous limits. Authorities that want an account made
        /// elsewhere (external account binding) cannot be used.
        acme_directory: text = "https://acme-v02.api.letsencrypt.org/directory", Main, Reload, Own, Done;

        /// The way in which names are proved: http-01, by a text on port 80, or tls-alpn-01, by a handshake on port 443.
        ///
        /// Take the one whose port is free on this machine and open in the firewall.
        acme_challenge: text = "http-01", Main, Reload, Own, Done;

        /// The port that the authority's calls arrive on; 0 means the one of the challenge, 80 or 443.
        ///
        /// Authorities call no other ports than these two. Another number is for machines behind a router that leads
        /// the calls there. The server takes them on the addresses of listen_address and listen_address6, and on all of
        /// this machine when neither is set.
        acme_port: int = 0, Main, Reload, Own, Done;

        /// The directory that account, key and certificate are kept in.
        ///
        /// It is made when it is not there, and belongs to root alone. `certificate.pem` holds the key and the chain;
        /// nobody else may read it. To have a new certificate at once, remove the file `renewal` there and send
        /// SIGHUP.
        acme_dir: text = "/var/lib/wharf/acme", Main, Reload, Own, Done;

        /// The file of authorities that the directory's own certificate is checked against, in PEM form.
        ///
        /// Not set means those that this machine trusts. For authorities of your own.
        acme_ca_file: text = UNSET, Main, Reload, Own, Done;

        /// The seconds after which an order that failed is tried again.
        ///
        /// The pause doubles with each failure, up to a day, and an authority that asks for a longer one gets it. SIGHUP
        /// ends it; but there is a minute between two orders in any case, or this time when it is less.
        acme_retry_delay: int = 900, Main, Reload, Own, Done;
    }
}
