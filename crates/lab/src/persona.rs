//! What a listener answers as.

use std::str::FromStr;

/// A product and its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persona {
    /// IIS of Windows 2000.
    Iis50,
    /// IIS of Windows Server 2003.
    Iis60,
    /// IIS of Windows Server 2016 and later.
    Iis100,
    /// nginx of Debian 12.
    Nginx,
    /// Apache httpd of Debian 12.
    Apache,
    /// What `python3 -m http.server` answers: somebody shares a folder.
    PythonHttp,
    /// OpenSSH of Debian 12.
    OpenSsh,
    /// OpenSSH of Windows Server.
    OpenSshWindows,
    /// Dropbear, as on small devices.
    Dropbear,
    /// Postfix of Debian 12.
    Postfix,
    /// SMTP of Exchange 2019.
    Exchange,
    /// vsftpd of Debian 12.
    Vsftpd,
    /// FTP of IIS.
    MicrosoftFtp,
    /// Accepts and says nothing, whatever it is sent.
    Mute,
}

/// What a persona does with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    /// Waits for a request, answers with this head (without length and date) and page, closes.
    Http { head: &'static str, page: &'static str },
    /// Says this first, then answers each line with the other; without one it hangs up at the first line.
    Greeting { greeting: &'static str, answer: &'static str },
    /// Says nothing.
    Mute,
}

const ALL: [(Persona, &str); 14] = [
    (Persona::Iis50, "iis-5.0"),
    (Persona::Iis60, "iis-6.0"),
    (Persona::Iis100, "iis-10.0"),
    (Persona::Nginx, "nginx"),
    (Persona::Apache, "apache"),
    (Persona::PythonHttp, "python-http"),
    (Persona::OpenSsh, "openssh"),
    (Persona::OpenSshWindows, "openssh-windows"),
    (Persona::Dropbear, "dropbear"),
    (Persona::Postfix, "postfix"),
    (Persona::Exchange, "exchange"),
    (Persona::Vsftpd, "vsftpd"),
    (Persona::MicrosoftFtp, "microsoft-ftp"),
    (Persona::Mute, "mute"),
];

impl Persona {
    /// Its name in lists.
    #[must_use]
    pub fn name(self) -> &'static str {
        ALL.iter().find(|(persona, _)| *persona == self).map_or("", |(_, name)| name)
    }

    pub(crate) const fn script(self) -> Script {
        let smtp = "502 5.5.2 Error: command not recognized\r\n";
        let ftp = "530 Please login with USER and PASS.\r\n";
        match self {
            Self::Iis50 => Script::Http {
                head: "HTTP/1.1 200 OK\r\nServer: Microsoft-IIS/5.0\r\nContent-Type: text/html\r\n",
                page: "<html><head><title>Under Construction</title></head><body>The site you were trying to reach \
                       does not currently have a default page.</body></html>\r\n",
            },
            Self::Iis60 => Script::Http {
                head: "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nServer: Microsoft-IIS/6.0\r\n\
                       MicrosoftOfficeWebServer: 5.0_Pub\r\nX-Powered-By: ASP.NET\r\nX-AspNet-Version: 2.0.50727\r\n",
                page: "<html><head><title>Orders</title></head><body>Sign in.</body></html>\r\n",
            },
            Self::Iis100 => Script::Http {
                head: "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nServer: Microsoft-IIS/10.0\r\n\
                       X-Powered-By: ASP.NET\r\n",
                page: "<html><head><title>IIS Windows Server</title></head><body></body></html>\r\n",
            },
            Self::Nginx => Script::Http {
                head: "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nContent-Type: text/html\r\n",
                page: "<!DOCTYPE html><html><head><title>Welcome to nginx!</title></head><body></body></html>\n",
            },
            Self::Apache => Script::Http {
                head: "HTTP/1.1 200 OK\r\nServer: Apache/2.4.62 (Debian)\r\nContent-Type: text/html\r\n",
                page: "<html><head><title>Apache2 Debian Default Page: It works</title></head></html>\n",
            },
            Self::PythonHttp => Script::Http {
                head: "HTTP/1.0 200 OK\r\nServer: SimpleHTTP/0.6 Python/3.11.2\r\nContent-Type: text/html\r\n",
                page: "<html><head><title>Directory listing for /</title></head><body></body></html>\n",
            },
            Self::OpenSsh => Script::Greeting { greeting: "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7\r\n", answer: "" },
            Self::OpenSshWindows => Script::Greeting { greeting: "SSH-2.0-OpenSSH_for_Windows_9.5\r\n", answer: "" },
            Self::Dropbear => Script::Greeting { greeting: "SSH-2.0-dropbear_2022.83\r\n", answer: "" },
            Self::Postfix => {
                Script::Greeting { greeting: "220 mail.dublin.example ESMTP Postfix (Debian/GNU)\r\n", answer: smtp }
            }
            Self::Exchange => Script::Greeting {
                greeting: "220 mail.redmond.example Microsoft ESMTP MAIL Service ready\r\n",
                answer: "500 5.3.3 Unrecognized command\r\n",
            },
            Self::Vsftpd => Script::Greeting { greeting: "220 (vsFTPd 3.0.3)\r\n", answer: ftp },
            Self::MicrosoftFtp => Script::Greeting { greeting: "220 Microsoft FTP Service\r\n", answer: ftp },
            Self::Mute => Script::Mute,
        }
    }
}

impl FromStr for Persona {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        ALL.iter().find(|(_, name)| *name == text).map(|(persona, _)| *persona).ok_or(())
    }
}
