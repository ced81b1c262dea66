"""Secrets in commands and texts: blotted where they stand, and nothing else."""

from __future__ import annotations

import base64
import html
import json
import shlex
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.walkthrough.redaction.redact import BLOT, redacted

# `@@` is the secret.
HIDDEN = (
    r"""
redis-cli -a @@ ping
redis-cli -h h -p 6379 -a '@@' INFO; redis-cli --pass @@ FLUSHALL
["redis-cli", "-a", "@@", "ping"]
kubectl exec redis-0 -- redis-cli -a "@@" --scan | head
redis-cli -u redis://:@@@host:6379/0
postgresql://user:@@@db.example:5432/app?sslmode=require
amqp://guest:@@@mq//
https://x-access-token:@@@github.com/a/b
mysql -u root -p@@ -e "select 1" db
mysqldump --single-transaction -p'@@' db > dump.sql
mysql -uroot -p"@@" db
mysql --password=@@ db
tool --password @@ --verbose
tool --api-key '@@' --client-secret=@@
curl -u user:@@ https://host/path
curl -sSfu 'user:@@' https://host/path
curl --user "user:@@" https://host/path
curl -H "Authorization: Bearer @@" https://host
curl -H 'Authorization: Basic @@' -H "X-Api-Key: @@" https://host
curl -H "PRIVATE-TOKEN: @@" https://host
curl -b "session=@@" https://host
PGPASSWORD=@@ psql -h db
PGPASSWORD='@@' psql -h db
GITHUB_TOKEN=@@ gh pr list
export MY_SECRET=@@
export X_KEY="@@"
declare -x DB_PASSWORD="@@"
SOME_PASSWORD_2=@@
REDISCLI_AUTH=@@ redis-cli ping
MYSQL_PWD=@@ mysql
{"user": "x", "password": "@@", "port": 1}
{\"password\": \"@@\", \"port\": 1}
{"apiKey":"@@","port":1}
  password: @@
  password: "@@"  # rotated monthly
- token: '@@'
clientSecret: @@
'token' => '@@'
AWS_SECRET_ACCESS_KEY=@@
aws_secret_access_key = @@
aws configure set aws_secret_access_key @@
spring.datasource.password=@@
java -Dpassword=@@ -jar app.jar
//registry.npmjs.org/:_authToken=@@
os.environ["API_KEY"] = "@@"
helm install x ./x --set redis.auth.password=@@,replicas=3
sshpass -p @@ ssh host
sshpass -p'@@' ssh host
docker login -u me -p @@ registry.example
oc login -u me -p @@ https://api
kubectl create secret generic app --from-literal=k=@@ --from-literal='other=@@' -n x
kubectl create secret docker-registry r --docker-username=u --docker-password=@@
kubectl config set-credentials me --token=@@
echo @@ | docker login -u me --password-stdin
echo '@@' | sudo -S systemctl restart x
Set-Cookie: sid=@@; Path=/; HttpOnly
Cookie: sid=@@; theme=@@
GET /x?token=@@&page=2 HTTP/1.1
https://host/x?api_key=@@&a=b
https://hooks.slack.com/services/@@
bash -c "redis-cli -a @@" && echo "done"
ssh host 'mysql -p@@ -e "show tables"'
ALTER USER app WITH PASSWORD '@@';
CREATE USER app IDENTIFIED BY '@@'
redis-cli AUTH @@
CONFIG SET requirepass @@
ACL SETUSER bob on >@@ ~*
<password>@@</password>
Server=x;Password=@@;Database=y
host=db password=@@ user=app
openssl rsa -in k -passin pass:@@
vault login @@
2024-01-01 INFO connecting with password=@@ to db
redis-cli \
  -h host \
  -a @@ \
  ping
""".strip("\n")
    .replace("\\\n", "\\\0")
    .split("\n")
)

KEPT = r"""
Password:
Enter password for bob:
[sudo] password for bob:
echo "$PASSWORD" '${TOKEN}' "$PGPASSWORD"
redis-cli -a "$REDIS_PASSWORD" -p 6379
redis-cli -p 6379 ping
mysql -u root -p"$PW" db
mysql -p
mysql -u root -p db
export PGPASSWORD="$PGPASSWORD"
PASSWORD=${TOKEN} TOKEN=$(cat /x)
docker login --password-stdin
cat file | docker login -u me --password-stdin
curl -u "$USER:$PASS" https://host
curl -u <user>:<password> https://host
curl -u user https://host:443/a
redis-cli -a <password>
password: <password>
password: ***
"password": "***", "token": ""
password: true
token: null
token: ${{ secrets.TOKEN }}
password: {{ .Values.password }}
password: CHANGEME
password:  12 bytes
commit 3b18e512dba79e4c8300dd08aeb37f8e728b8dad
image: app@sha256:3b18e512dba79e4c8300dd08aeb37f8e728b8dad3b18e512dba79e4c8300dd08
aGVsbG8gd29ybGQgdGhpcyBpcyBub3JtYWwgdGV4dA==
token_count=42 max_tokens=4096
docker run -p 8080:80 nginx
mkdir -p x
ssh -p 22 host
monkey=banana turkey: yes
secretName: app
secret "app" created
secret/app configured
kubectl get secret app -o yaml
passwordSecretRef: app
POSTGRES_PASSWORD_FILE=/run/secrets/x
token: /var/run/secrets/kubernetes.io/serviceaccount/token
PWD=/root OLDPWD=/x
BYPASS_KEY=hak:bypass
PRIMARY_KEY=id
error: invalid password: try again
Token: expired
http://localhost:4873/@types/node
https://user@host/x
git@github.com:app/app
http://host:8080/path
Authentication failed: bad credentials
tests passed: 12
key=value
tool --token-ttl 5
docker build --secret id=x,src=y .
hak-gal:token:acme
redis-cli --scan --pattern 'session:token:*'
Authorization: none
kubectl create configmap app --from-literal=k=v
NOAUTH Authentication required.
bypass=on
psql --no-password db
redis-cli CONFIG GET requirepass
requirepass ""
the key: value of it
ssh-keygen -t rsa
-----BEGIN PUBLIC KEY-----
if [ -z "$API_KEY" ]; then echo "API_KEY is not set"; fi
read -rsp 'Password: ' PGPASSWORD
""".strip("\n").split("\n")

TOKENS = (
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "a1B2" * 9,
    "glpat-" + "a1B2" * 5,
    "xoxb-123456789-abcdefghij",
    "xoxp-123456789-abcdefghij",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r",
    "sha256~" + "a1B2" * 10,
    "sk_live_" + "a1B2" * 6,
    "AIza" + "a1B2-" * 7,
    "hvs." + "a1B2" * 6,
)


@pytest.mark.parametrize("line", HIDDEN)
@pytest.mark.parametrize("secret", ["hunter2", "9sK-x_Q.4%z", "s3cr3t+/Zz9=="])
def test_only_the_secret_in_a_line_is_blotted(line: str, secret: str) -> None:
    line = line.replace("\0", "\n")
    if "@@@" in line:
        secret = quote(secret, safe="")
    elif "services/" in line:
        secret = f"T00/B00/{base64.b16encode(secret.encode()).decode()}"
    assert redacted(line.replace("@@", secret)) == line.replace("@@", BLOT)


@pytest.mark.parametrize("password", ["a/b", "a@b", "a:b", "p?w", "1/2"])
def test_an_address_whose_password_was_not_quoted_is_blotted_all_the_same(password: str) -> None:
    assert redacted(f"go redis://:{password}@host:6379/0 now") == f"go redis://:{BLOT}@host:6379/0 now"


@pytest.mark.parametrize("line", KEPT)
def test_what_is_no_secret_is_left_as_it_is(line: str) -> None:
    assert redacted(line) == line


@pytest.mark.parametrize("token", TOKENS)
def test_an_issued_token_is_known_by_its_shape_wherever_it_stands(token: str) -> None:
    for before, after in (("", ""), ("got ", " back"), ('"', '"'), ("x=", "&y=1"), ("(", ")")):
        assert redacted(before + token + after) == before + BLOT + after


@pytest.mark.parametrize("line", [*HIDDEN, *KEPT])
def test_what_is_redacted_once_stays_so(line: str) -> None:
    once = redacted(line.replace("\0", "\n").replace("@@", "hunter2"))
    assert redacted(once) == once


def test_the_whole_file_is_as_its_lines_are() -> None:
    text = "\n".join(HIDDEN + KEPT).replace("\0", "\n").replace("@@", "hunter2")
    parts = [redacted(line.replace("\0", "\n").replace("@@", "hunter2")) for line in HIDDEN + KEPT]
    assert redacted(text) == "\n".join(parts)


def test_a_private_key_is_blotted_and_its_frame_is_not() -> None:
    body = "MIIEpAIBAAKCAQEA7bq1Zx9Yh2mQeC0mC2vSxW3S0nQw3vT1n4m7d6u1R9kq2w8s\nAAECAwQFBgcICQoLDA0ODw=="
    text = f"cat <<EOF\n-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\nEOF"
    assert redacted(text) == text.replace(body, BLOT)
    on_one_line = '"key": "' + text.split("EOF\n")[1].rstrip("EOF").replace("\n", "\\n") + '", "b": 1'
    assert body.splitlines()[0] not in redacted(on_one_line)
    assert redacted(on_one_line).endswith('", "b": 1')


VALUES = ["hunter2", "pä$$ word/1", "a'b\"c\\d", "x" * 40, "két\nlines of it", "-----x+y/z=="]


@pytest.mark.parametrize("value", VALUES)
def test_a_known_value_is_found_in_every_spelling(value: str) -> None:
    raw = value.encode()
    spelt = [
        value,
        quote(value, safe=""),
        quote_plus(value),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        html.escape(value),
        shlex.quote(value),
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        raw.hex(),
        raw.hex().upper(),
    ]
    for form in spelt:
        # A shell quotes where it must; the quotes may stay.
        assert redacted(f"a {form} b", (value,)) in (f"a {BLOT} b", f"a '{BLOT}' b"), form


@given(st.binary(max_size=12), st.text("abXY19+/ä", min_size=4, max_size=20), st.binary(max_size=12))
@settings(max_examples=200, deadline=None)
def test_a_known_value_inside_of_base64_leaves_none_of_its_characters(before: bytes, value: str, after: bytes) -> None:
    raw = value.encode()
    for coded in (base64.b64encode(before + raw + after), base64.urlsafe_b64encode(before + raw + after)):
        said = redacted(f"Basic: {coded.decode()}", (value,)).removeprefix("Basic: ")
        kept, blot, rest = said.partition(BLOT)
        assert blot
        # What is left at either end holds whole bytes of the neighbours alone.
        assert len(kept) * 6 <= len(before) * 8 and len(rest.rstrip("=")) * 6 <= len(after) * 8 + 5


def test_a_value_that_no_line_holds_changes_nothing() -> None:
    text = "".join(
        f"line {number} of ordinary text, base64 {base64.b64encode(bytes([number] * 9))!r}\n" for number in range(99)
    )
    assert redacted(text, ("hunter2", "another-secret")) == text


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_can_be_looked_through(text: str) -> None:
    once = redacted(text, ("hunter2",))
    assert "hunter2" not in once.replace(BLOT, "\0")
