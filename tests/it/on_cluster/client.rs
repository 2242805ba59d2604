//! The client against a real cluster: objects, lists, watches, logs, commands and ports.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use holdfast::cluster::{Client, ClientError, Created, Ended, LogAsk, Resource, Watched};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};

use super::support::OnCluster;

const PLACE: &str = "hf-client";
const WAIT: Duration = Duration::from_mins(1);

async fn ready(client: &Client) {
    let body = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one", "labels": {"app": "one"}},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": "main", "image": "localhost/shell:1", "imagePullPolicy": "Never",
                "command": ["sh", "-c", "echo first; echo second; exec nc -ll -p 8080 -e cat"],
            }],
        },
    });
    client.create(Resource::Pod, Some(PLACE), &body, false).await.expect("a pod");
    let wait = async {
        loop {
            let pod = client.get(Resource::Pod, Some(PLACE), "one").await.expect("an answer").expect("the pod");
            if pod["status"]["containerStatuses"][0]["ready"] == true {
                break;
            }
            sleep(Duration::from_millis(200)).await;
        }
    };
    timeout(WAIT, wait).await.expect("the pod is never ready");
}

async fn namespace(client: &Client) {
    client.delete(Resource::Namespace, None, PLACE, None).await.expect("an answer");
    let gone = async {
        while client.get(Resource::Namespace, None, PLACE).await.expect("an answer").is_some() {
            sleep(Duration::from_millis(200)).await;
        }
    };
    timeout(WAIT, gone).await.expect("the namespace never goes");
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PLACE}});
    assert!(matches!(client.create(Resource::Namespace, None, &body, false).await, Ok(Created::New(_))));
    assert!(matches!(client.create(Resource::Namespace, None, &body, false).await, Ok(Created::Exists)));
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn objects_streams_commands_and_ports() {
    let cluster = OnCluster::get();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let client = cluster.client();
        assert!(client.version().await.expect("a version").starts_with("v1."));
        namespace(&client).await;
        objects(&client).await;
        ready(&client).await;
        logs(&client).await;
        command(&client).await;
        port(&client).await;
        client.delete(Resource::Namespace, None, PLACE, None).await.expect("deleted");
    });
}

async fn objects(client: &Client) {
    let map = |value: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "labels": {"app": "m"}}, "data": {"a": value}});
    let listed = client.list(Resource::ConfigMap, Some(PLACE), "app=m", "").await.expect("a list");
    assert!(listed.items.is_empty() && !listed.version.is_empty());
    let mut watched =
        pin!(client.watch(Resource::ConfigMap, Some(PLACE), "app=m", &listed.version).await.expect("a watch"));
    let mut next = async || timeout(WAIT, watched.next()).await.expect("news").expect("open").expect("an event");
    let tried = client.apply(Resource::ConfigMap, Some(PLACE), "m", &map("0"), true).await.expect("a dry run");
    assert_eq!(tried["data"]["a"], "0");
    assert_eq!(client.get(Resource::ConfigMap, Some(PLACE), "m").await.expect("an answer"), None);
    client.apply(Resource::ConfigMap, Some(PLACE), "m", &map("1"), false).await.expect("applied");
    let data = |watched: Watched| match watched {
        Watched::Changed(object) => object["data"]["a"].clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(data(next().await), "1");
    let merged = client.merge(Resource::ConfigMap, Some(PLACE), "m", &json!({"data": {"a": "2"}})).await;
    assert_eq!(merged.expect("an answer").expect("there")["data"]["a"], "2");
    assert_eq!(data(next().await), "2");
    assert!(client.delete(Resource::ConfigMap, Some(PLACE), "m", Some(0)).await.expect("deleted"));
    assert!(matches!(next().await, Watched::Gone(_)));
    assert!(!client.delete(Resource::ConfigMap, Some(PLACE), "m", None).await.expect("gone before"));
    assert_eq!(
        client.merge(Resource::ConfigMap, Some(PLACE), "m", &json!({})).await.expect("an answer"),
        None::<Value>
    );
    let wrong =
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 99999}]}});
    let refused = client.create(Resource::Service, Some(PLACE), &wrong, false).await.expect_err("no such port");
    assert!(
        matches!(&refused, ClientError::Invalid(words) if words.contains("port") && !words.contains("99999")),
        "{refused}"
    );
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "b"}});
    let made = client.create(Resource::Secret, Some(PLACE), &secret, false).await.expect("created");
    assert_eq!(made, Created::New(Value::Null), "what is in it does not come back");
    assert!(client.get(Resource::Secret, Some(PLACE), "s").await.is_err(), "also not for an administrator");
}

async fn logs(client: &Client) {
    let ask = LogAsk { container: "main".into(), ..LogAsk::default() };
    let mut pieces = pin!(client.logs(PLACE, "one", &ask).await.expect("logs"));
    let mut text = Vec::new();
    while let Some(piece) = pieces.next().await {
        text.extend_from_slice(&piece.expect("a piece"));
    }
    assert_eq!(String::from_utf8_lossy(&text), "first\nsecond\n");
    let last = LogAsk { tail: Some(1), follow: true, ..ask };
    let mut pieces = pin!(client.logs(PLACE, "one", &last).await.expect("logs"));
    let piece = timeout(WAIT, pieces.next()).await.expect("in time").expect("open").expect("a piece");
    assert_eq!(&piece[..], b"second\n");
    let nobody = client.logs(PLACE, "nobody", &last).await.err().expect("no such pod");
    assert!(matches!(nobody, ClientError::NotFound(_)), "{nobody}");
}

async fn command(client: &Client) {
    let command = ["sh", "-c", "read line; echo got $line; echo bad >&2; exit 7"].map(str::to_owned);
    let mut run = client.exec((PLACE, "one", "main"), &command, true, false).await.expect("a command");
    run.stdin.take().expect("a stream").write_all(b"hello\n").await.expect("sent");
    let (mut out, mut bad) = (String::new(), String::new());
    let mut stderr = run.stderr.take().expect("a stream");
    let (status, _, _) = timeout(
        WAIT,
        futures_util::future::join3(run.status, run.stdout.read_to_string(&mut out), stderr.read_to_string(&mut bad)),
    )
    .await
    .expect("it ends");
    assert_eq!((out.as_str(), bad.as_str(), status), ("got hello\n", "bad\n", Ended::Exit(7)));
    for (program, ended) in [("no-such-program", Ended::NotFound), ("/etc/passwd", Ended::NotExecutable)] {
        let run = client.exec((PLACE, "one", "main"), &[program.to_owned()], false, false).await.expect("a command");
        assert_eq!(timeout(WAIT, run.status).await.expect("it ends"), ended, "{program}");
    }
    let nobody = client.exec((PLACE, "nobody", "main"), &command, true, false).await.err().expect("no such pod");
    assert!(matches!(nobody, ClientError::NotFound(_)), "{nobody}");
}

async fn port(client: &Client) {
    let mut stream = client.forward(PLACE, "one", 8080).await.expect("a port").stream;
    stream.write_all(b"there and back\n").await.expect("sent");
    let mut back = [0; 15];
    timeout(WAIT, stream.read_exact(&mut back)).await.expect("in time").expect("read");
    assert_eq!(&back, b"there and back\n");
    let closed = client.forward(PLACE, "one", 9).await.expect("the cluster takes it");
    let words = timeout(WAIT, closed.failed).await.expect("in time");
    assert!(words.is_some_and(|words| words.contains("refused")), "nothing listens there");
}
