// A real OpenID provider (npm `oidc-provider`) on loopback, for `openid.rs` beside this folder.
//
// It signs in whoever `login` names, without asking unless `asks`. `POST /control` changes how it behaves; all that
// is not as a good provider does it is done here, with its own keys, on the way out:
//   login      who signs in
//   groups     {person: [group, …]}
//   algorithm  how ID tokens are signed
//   sign       number of the key pair that signs
//   publish    numbers of the key pairs that /jwks names
//   lean       claims in UserInfo alone, as the specification has it
//   claims     changes of the ID token's claims, signed by its own key
// Prints its issuer on the first line.

import { createServer } from "node:http";
import { generateKeyPairSync } from "node:crypto";
import { json } from "node:stream/consumers";
import { Provider } from "oidc-provider";
import { SignJWT, decodeJwt, importJWK } from "jose";

const [redirect, left] = process.argv.slice(2);
const state = {
  login: "ada", groups: {}, algorithm: "RS256", sign: 0, publish: [0], lean: false, claims: null,
  asks: false,
};

// It advises its operator; nobody reads that here.
console.info = console.warn = () => {};

const made = new Map();
function pair(number, algorithm) {
  const id = `${algorithm}-${number}`;
  if (!made.has(id)) {
    const { privateKey } = {
      RS256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
      PS256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
      ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
      EdDSA: () => generateKeyPairSync("ed25519"),
    }[algorithm]();
    made.set(id, { ...privateKey.export({ format: "jwk" }), kid: id, alg: algorithm, use: "sig" });
  }
  return made.get(id);
}

const accounts = (ctx, sub) => ({
  accountId: sub,
  claims: () => ({ sub, preferred_username: sub, groups: state.groups[sub] ?? [] }),
});

function provider(issuer) {
  const { algorithm, sign } = state;
  const made = new Provider(issuer, {
    clients: [{
      client_id: "affiant",
      client_secret: "a secret: with marks/+",
      redirect_uris: [redirect],
      post_logout_redirect_uris: [left],
      id_token_signed_response_alg: algorithm,
    }],
    jwks: { keys: [pair(sign, algorithm)] },
    enabledJWA: { idTokenSigningAlgValues: ["RS256", "PS256", "ES256", "EdDSA"] },
    claims: { openid: ["sub"], profile: ["preferred_username", "groups"] },
    conformIdTokenClaims: state.lean,
    cookies: { keys: ["only a test"] },
    features: { devInteractions: { enabled: false } },
    findAccount: accounts,
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    async loadExistingGrant(ctx) {
      const { client, session } = ctx.oidc;
      const grant = new ctx.oidc.provider.Grant({
        clientId: client.clientId, accountId: session.accountId,
      });
      grant.addOIDCScope("openid profile");
      await grant.save();
      return grant;
    },
  });
  made.use(async (ctx, next) => {
    if (ctx.path.startsWith("/interaction/") && state.asks && ctx.method === "GET") {
      ctx.type = "html";
      ctx.body = '<!doctype html><title>Provider</title><form method="post"><button>Yes, I am</button></form>';
      return;
    }
    if (ctx.path.startsWith("/interaction/")) {
      const result = { login: { accountId: state.login } };
      await made.interactionFinished(ctx.req, ctx.res, result);
      ctx.respond = false;
      return;
    }
    await next();
    if (ctx.oidc?.route === "jwks") {
      const shown = state.publish.map((number) => pair(number, algorithm));
      const open = ({ kty, crv, x, y, n, e, kid, alg, use }) => ({ kty, crv, x, y, n, e, kid, alg, use });
      ctx.body = { keys: shown.map(open) };
    }
    if (ctx.oidc?.route === "token" && ctx.body.id_token && state.claims) {
      const claims = { ...decodeJwt(ctx.body.id_token), ...state.claims };
      const key = pair(sign, algorithm);
      ctx.body.id_token = await new SignJWT(claims)
        .setProtectedHeader({ alg: algorithm, kid: key.kid })
        .sign(await importJWK(key, algorithm));
    }
  });
  return made.callback();
}

const server = createServer(async (request, reply) => {
  if (request.url !== "/control") return current(request, reply);
  Object.assign(state, await json(request));
  current = provider(issuer);
  reply.end("{}");
});
let current;
let issuer;
server.listen(0, "127.0.0.1", () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  current = provider(issuer);
  process.stdout.write(`${issuer}\n`);
});
// The test that started it is gone.
process.stdin.on("end", () => process.exit(0)).resume();
