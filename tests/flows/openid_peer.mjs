// openid-client as an application, and fetch as a person's browser. Reads what it is to be from its first argument,
// writes what it was given as one line of JSON.
import * as client from "openid-client";

const given = JSON.parse(process.argv[2]);
const cookie = { cookie: given.cookie, origin: new URL(given.issuer).origin };
const found = {};

const made = async (id, auth, metadata = {}) => {
  const config = await client.discovery(new URL(given.issuer), id, metadata, auth, {
    execute: [client.allowInsecureRequests],
  });
  client.enableNonRepudiationChecks(config);
  return config;
};

// The person's browser: goes to the address, says yes where it is asked, and gives where it is sent in the end.
const browse = async (address) => {
  let answer = await fetch(address, { headers: cookie, redirect: "manual" });
  if (answer.status === 200) {
    const ticket = /name="ticket" value="([^"]+)"/.exec(await answer.text())[1];
    answer = await fetch(new URL("/oauth/consent", given.issuer), {
      method: "POST",
      headers: cookie,
      redirect: "manual",
      body: new URLSearchParams({ ticket, answer: "allow" }),
    });
  }
  return new URL(answer.headers.get("location"));
};

const logIn = async (config, redirect_uri, scope) => {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const expectedNonce = client.randomNonce();
  const address = client.buildAuthorizationUrl(config, {
    redirect_uri,
    scope,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    state: expectedState,
    nonce: expectedNonce,
    max_age: "3600",
  });
  const back = await browse(address);
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, maxAge: 3600, idTokenExpected: true };
  return { back, checks, tokens: await client.authorizationCodeGrant(config, back, checks) };
};

const refused = async (attempt) => {
  try {
    await attempt();
    return "";
  } catch (problem) {
    return problem.error ?? problem.code ?? String(problem);
  }
};

const web = await made(given.web.id, client.ClientSecretBasic(given.web.secret));
const first = await logIn(web, given.redirect, "openid profile ngsi-ld:read");
const claims = first.tokens.claims();
found.claims = claims;
found.scope = first.tokens.scope;
found.access = first.tokens.access_token;
found.userinfo = await client.fetchUserInfo(web, first.tokens.access_token, claims.sub);
found.replay = await refused(() => client.authorizationCodeGrant(web, first.back, first.checks));

const second = await logIn(web, given.redirect, "openid profile ngsi-ld:read");
found.mixup = await refused(() => {
  const wrong = new URL(second.back);
  wrong.searchParams.set("iss", "https://evil.example");
  return client.authorizationCodeGrant(web, wrong, second.checks);
});
const fresh = await client.refreshTokenGrant(web, second.tokens.refresh_token);
found.refreshed = fresh.refresh_token !== second.tokens.refresh_token && fresh.claims().sub === claims.sub;
await client.tokenRevocation(web, fresh.refresh_token);
found.revoked = await refused(() => client.refreshTokenGrant(web, fresh.refresh_token));
found.afterwards = await refused(() => client.fetchUserInfo(web, fresh.access_token, claims.sub));

const post = await made(given.web.id, client.ClientSecretPost(given.web.secret));
found.alone = await client.clientCredentialsGrant(post, { scope: "ngsi-ld:read" });
found.introspected = await client.tokenIntrospection(web, found.alone.access_token);

const wrong = await made(given.web.id, client.ClientSecretBasic("wrong"));
found.wrong = await refused(() => client.clientCredentialsGrant(wrong, { scope: "ngsi-ld:read" }));

const spa = await made(given.spa.id, client.None());
found.spa = (await logIn(spa, given.spaRedirect, "openid")).tokens.claims();

const key = await crypto.subtle.importKey("jwk", given.key, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
const signer = await made(given.signer, client.PrivateKeyJwt(key));
found.signed = await client.clientCredentialsGrant(signer, { scope: "ngsi-ld:write" });

const last = await logIn(web, given.redirect, "openid");
const leaving = client.buildEndSessionUrl(web, {
  id_token_hint: last.tokens.id_token,
  post_logout_redirect_uri: given.bye,
  state: "done",
});
found.left = String(await browse(leaving));
process.stdout.write(JSON.stringify(found) + "\n");
