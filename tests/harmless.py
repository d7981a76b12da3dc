"""Texts without a secret, of the kinds that look like one to a rule that is too simple."""

from __future__ import annotations

TEXTS = r"""
Password: must be at least 8 characters
Password must contain one digit, one letter and one sign
password: should not be empty
Password: is required
Your password: never share it with others
passwords: see the policy of the company
The password is case sensitive; the token is not
Invalid password
Wrong password, 2 attempts left
password too short
secret: nobody knows
Reset token: expired
Session token: not found
Unexpected token: '<'
SyntaxError: Unexpected token '}' in JSON at position 14
Unexpected token: ';'
parse error near token: identifier
token: EOF
Token: '('
next token: NAME
ERROR: bad token: unknown
cookie: chocolate chip
Cookie: rejected
cookies: accept all
authorization: required
Authorization: none
auth: disabled
pin: missing
signature: mismatch
pwd: /home/bob
PWD=/home/bob
pwd=/var/lib/app
token = tokens[0]
token = self.token
token = next(tokens)
token = tokens[index + 1]
token = None
token = ''
token = ""
token=None
token=''
password = ''
password=""
"password": ""
"password": null
{"token": null, "a": 1}
{"token": "", "a": 1}
{"secret": false}
assert token == expected_token
assert token != other
assert token is None
assert password == user.password
if token == null:
if (token === undefined) {
if token != previous:
password = request.form.password
password = config.get("password")
password = config['password']
password = os.environ["DB_PASSWORD"]
password = getpass.getpass()
secret = settings.SECRET_KEY
secret = load_secret(path)
api_key = settings.api_key
key = keys[0]
const token = await getToken();
const token = req.headers.authorization;
const token = userToken;
let password = form.password.value;
var token = this.token;
return login(user, password=password)
client = Client(token=token)
client = Client(token=self.token, timeout=3)
client = Client(api_key=api_key)
Client(token=make_token(), retries=3)
def login(user: str, password: str) -> None:
def login(user, password=None):
def login(user, *, token: str | None = None):
async def login(password: SecretStr) -> Token:
password: Optional[str] = None
password: string;
token?: string;
token: string | undefined
public string Password { get; set; }
private String password;
func Login(user string, password string) error {
token := lexer.Next()
token := tokens[i]
for token in tokens:
for (const token of tokens) {
yield token
class Token(NamedTuple):
class TokenError(Exception):
raise TokenError(token)
<Token.NAME: 1>
<Kind.token: 0>
Token(kind=NAME, start=0, end=4)
tokens = 12
max_tokens=4096
prompt_tokens: 17, completion_tokens: 3
tokenizer: gpt2
input.password:focus
.password:hover { color: red }
#token::before { content: "" }
input[type=password] { width: 100% }
a.token:not(.active) { color: blue }
.auth:first-child { margin: 0 }
<input type="password" name="password">
<label for="password">Password</label>
<input type="password" placeholder="Password" autocomplete="current-password">
<div class="sk-fading-circle-1"></div>
<div class="sk-fading-circle-12 sk-circle-large"></div>
<i class="fa fa-key"></i>
<th>Token</th><th>Count</th>
<password></password>
SELECT password FROM users WHERE name = $1
SELECT * FROM users WHERE password = $1
SELECT * FROM users WHERE password = ?
SELECT * FROM users WHERE token = %s AND id = %s
SELECT * FROM users WHERE token = :token
SELECT * FROM users WHERE token = @token
SELECT * FROM users WHERE token = %(token)s
UPDATE users SET password = ? WHERE id = ?
UPDATE users SET token = NULL WHERE id = 3
INSERT INTO users (name, password) VALUES (?, ?)
CREATE TABLE users (id int, password varchar(255) NOT NULL)
ALTER TABLE users ADD COLUMN token text
SELECT count(*) FROM tokens GROUP BY kind
SELECT u.password, u.token FROM users u JOIN roles r ON r.id = u.role
token={token}
token=<token>
token=${TOKEN}
token=$TOKEN
password: ${{ vault.password }}
password: {{ password }}
password: <your password>
password: ****
password=********
--password <password>
--token $TOKEN
--password-file /run/file.txt
https://example.com/?token={token}
https://example.com/?token=<token>&page=2
https://example.com/reset/{token}
Authorization: Bearer <token>
Authorization: Bearer $TOKEN
Authorization: Bearer {token}
postgresql://{user}:{password}@{host}/{name}
postgresql://$USER:$PASSWORD@localhost/shop
https://<user>:<password>@example.com
docker run -u app:app shop
docker run -u 1000:1000 shop
chown -R app:app /srv
curl -u $USER:$PASSWORD https://example.com
12:30:45 INFO auth: user bob signed in
2024-01-01 12:00:00 WARNING tokens: 3 of 5 are left
INFO password hasher is argon2id
DEBUG session opened for user bob
INFO cache key is user:17:profile
key: value
primary_key: id
keyboard: qwerty
foreign_key=user_id
partition key = 17
sort_key=name
commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b
sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
md5 d41d8cd98f00b204e9800998ecf8427e
id 550e8400-e29b-41d4-a716-446655440000
trace_id=4bf92f3577b34da6a3ce929d0e0e4736
etag: "33a64df551425fcc55e4d42a148795d9f25f89d4"
sha384-oqVuAfXRKap7fdgcCY5uykM6R9GqQ8K0uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC
01ARZ3NDEKTSV4RRFFQ69G5FAV
orders-7f9c8d6b5-x2x4z
v1.2.3-rc.1+build.5
File "/srv/app/tokens.py", line 12, in next_token
    raise ValueError("no token left")
Traceback (most recent call last):
KeyError: 'password'
AttributeError: 'NoneType' object has no attribute 'token'
TypeError: login() missing 1 required positional argument: 'password'
ValidationError: password: field required
  at Lexer.nextToken (lexer.js:12:5)
E   assert token == 'x'
password_policy: strict
password_length=12
token_type=bearer
token_count=3
auth_method: basic
secret_name=shop/db
secretary: Ann
passenger: Bob
compass=north
bypass: yes
author=Bob
authority: local
basic authentication is switched off
Bearer authentication is required
the basic idea is simple
Basic tests of the shop
sign in with your pin or your pass
mailto:bob@example.com
git@github.com:shop/shop.git
https://example.com/@bob/status/1
https://example.com/docs#password-policy
https://example.com/token/list?page=2&sort=name
GET /auth/login HTTP/1.1
Set-Cookie is missing
Accept: application/json
Content-Type: application/x-www-form-urlencoded
{"type": "object", "properties": {"password": {"type": "string", "minLength": 8}}}
{"errors": {"password": ["is too short"]}}
{"field": "password", "message": "too short"}
{'required': ['user', 'password']}
["token", "kind", "value"]
[('token', 1), ('kind', 2)]
- password: the user's own
* token: what the lexer returns
:param token: the token to look at
:param password: what the user has typed in
@param password the password
token (str): the kind of it
("password", "token")
('auth', 'session')
pass: 12, fail: 3
pass=12 fail=0
--auth basic
--cookie-jar jar.txt
--pass-with-no-tests
pin=4
session.id is unknown
session: closed
cookie_consent=yes
signature: (self, name)
sig = inspect.signature(function)
auth = HTTPBasicAuth(user, password)
session = requests.Session()
auth=self.auth
auth_url=https://example.com
pinned: yes
otp: expired
{"name": "token", "value": ""}
{"name": "kind", "value": "token"}
<input name="password" value="">
""".strip().splitlines()
