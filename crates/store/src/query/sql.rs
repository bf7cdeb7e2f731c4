//! A statement and its bound parameters.

use std::fmt::Write as _;
use std::net::Ipv6Addr;
use std::time::Duration;

use clickhouse::query::Query;
use clickhouse::{RowOwned, RowRead};

use crate::error::StoreError;
use crate::store::Store;

/// A bound value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Param {
    Text(String),
    Texts(Vec<String>),
    Number(i64),
    Count(u64),
    Bool(bool),
    Time(i64),
    Id([u8; 16]),
    Address(Ipv6Addr),
}

/// A statement under construction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sql {
    text: String,
    params: Vec<Param>,
}

impl Sql {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), params: Vec::new() }
    }

    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Appends a reference to a parameter; the server parses the value, apart from the statement.
    pub(crate) fn bind(&mut self, param: Param) -> &mut Self {
        let n = self.params.len();
        let _ = match &param {
            Param::Text(_) => write!(self.text, "{{p{n}:String}}"),
            Param::Texts(_) => write!(self.text, "{{p{n}:Array(String)}}"),
            Param::Number(_) => write!(self.text, "{{p{n}:Int64}}"),
            Param::Count(_) => write!(self.text, "{{p{n}:UInt64}}"),
            Param::Bool(_) => write!(self.text, "{{p{n}:Bool}}"),
            Param::Time(_) => write!(self.text, "fromUnixTimestamp64Milli({{p{n}:Int64}}, 'UTC')"),
            Param::Id(_) => write!(self.text, "toFixedString(unhex({{p{n}:String}}), 16)"),
            Param::Address(_) => write!(self.text, "toIPv6({{p{n}:String}})"),
        };
        self.params.push(param);
        self
    }

    /// Puts another statement around the same parameters.
    pub(crate) fn replace_text(&mut self, text: String) {
        self.text = text;
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    fn query(&self, store: &Store) -> Query {
        let mut query = store.client.query_raw(&self.text);
        for (n, param) in self.params.iter().enumerate() {
            let name = format!("p{n}");
            query = match param {
                Param::Text(text) => query.param(&name, text),
                Param::Texts(texts) => query.param(&name, texts),
                Param::Number(number) | Param::Time(number) => query.param(&name, number),
                Param::Count(count) => query.param(&name, count),
                Param::Bool(flag) => query.param(&name, flag),
                Param::Id(id) => query.param(&name, hex(id)),
                Param::Address(address) => query.param(&name, address.to_string()),
            };
        }
        query
    }
}

/// How a question is asked: for how long, how large, under which name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// After this the server stops and the caller gets [`StoreError::Deadline`].
    pub deadline: Duration,
    /// Name for [`Store::cancel`]; must be unique among running queries.
    pub query_id: Option<String>,
    /// Rows of the answer beyond which the server gives up.
    pub rows_max: u64,
    /// Memory beyond which the server gives up.
    pub memory_max_bytes: u64,
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            // A page takes milliseconds; ten seconds are a summary over years.
            deadline: Duration::from_secs(10),
            query_id: None,
            // A page has at most 1,000; a draw 100,000.
            rows_max: 1_000_000,
            // A quarter of the smallest machine that runs everything (4 GiB).
            memory_max_bytes: 1 << 30,
        }
    }
}

impl Ask {
    /// With this deadline and the other limits as usual.
    #[must_use]
    pub fn within(deadline: Duration) -> Self {
        Self { deadline, ..Self::default() }
    }

    /// What holds the server to it.
    fn settings(&self) -> [(&'static str, String); 6] {
        [
            ("prefer_column_name_to_alias", "1".to_owned()),
            // A table that a statement reads twice is the same both times.
            ("enable_shared_storage_snapshot_in_query", "1".to_owned()),
            ("max_execution_time", format!("{:.3}", self.deadline.as_secs_f64())),
            ("max_result_rows", self.rows_max.to_string()),
            ("max_memory_usage", self.memory_max_bytes.to_string()),
            ("cancel_http_readonly_queries_on_client_close", "1".to_owned()),
        ]
    }
}

/// A question as it travels over HTTP: for whoever wants to ask the very same without this crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The SQL, with references to its parameters.
    pub text: String,
    /// Parameters of the URL that carry the values.
    pub parameters: Vec<(String, String)>,
    /// Parameters of the URL that hold the server to the limits.
    pub settings: Vec<(String, String)>,
}

impl Statement {
    pub(crate) fn new(sql: &Sql, ask: &Ask) -> Self {
        let value = |param: &Param| match param {
            Param::Text(text) => escaped(text),
            Param::Texts(texts) => {
                let quoted: Vec<_> = texts.iter().map(|text| format!("'{}'", escaped(text))).collect();
                format!("[{}]", quoted.join(","))
            }
            Param::Number(number) | Param::Time(number) => number.to_string(),
            Param::Count(count) => count.to_string(),
            Param::Bool(flag) => flag.to_string(),
            Param::Id(id) => hex(id),
            Param::Address(address) => address.to_string(),
        };
        let parameters = sql.params.iter().enumerate().map(|(n, param)| (format!("param_p{n}"), value(param)));
        let settings = ask.settings().into_iter().map(|(name, value)| (name.to_owned(), value));
        Self { text: sql.text.clone(), parameters: parameters.collect(), settings: settings.collect() }
    }
}

/// As the server reads a value: a backslash begins an escape.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'").replace('\t', "\\t").replace('\n', "\\n")
}

impl Store {
    pub(crate) fn prepare(&self, sql: &Sql, ask: &Ask) -> Query {
        let mut query = sql.query(self);
        for (name, value) in ask.settings() {
            query = query.with_setting(name, value);
        }
        if let Some(id) = &ask.query_id {
            query = query.with_setting("query_id", id);
        }
        query
    }

    pub(crate) async fn rows<T: RowOwned + RowRead>(
        &self,
        what: &str,
        sql: &Sql,
        ask: &Ask,
    ) -> Result<Vec<T>, StoreError> {
        tracing::trace!(what, sql = sql.text(), "asking");
        self.within(what, ask.deadline, self.prepare(sql, ask).fetch_all::<T>()).await
    }

    /// Ends a running query of the same user. Dropping the future of a query ends it too.
    ///
    /// # Errors
    /// When the engine cannot be reached or the user may not.
    pub async fn cancel(&self, query_id: &str) -> Result<(), StoreError> {
        let mut sql = Sql::new("KILL QUERY WHERE query_id = ");
        sql.bind(Param::Text(query_id.to_owned())).push(" AND user = currentUser() ASYNC");
        let deadline = self.options.connect_timeout();
        self.within("cancel a query", deadline, sql.query(self).execute()).await
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out
}
