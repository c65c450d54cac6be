// An OAuth provider that is not ours: npm oidc-provider, with a user who always says yes.
// PORT, and OIDC_PROVIDER: where the package lies. POST /lab/revoke?user=... is what a user does who
// takes a permission back.
import http from 'node:http';

const { Provider } = await import(process.env.OIDC_PROVIDER);
const issuer = `http://127.0.0.1:${process.env.PORT}`;
const mail = 'https://mail.google.com/';

const held = new Map();
class Store {
  constructor(kind) { this.kind = kind; }
  key(id) { return `${this.kind}:${id}`; }
  async upsert(id, value) { held.set(this.key(id), value); }
  async find(id) { return held.get(this.key(id)); }
  async findByUid(uid) { return [...held.values()].find((value) => value.uid === uid); }
  async findByUserCode() { return undefined; }
  async consume(id) { held.get(this.key(id)).consumed = Math.floor(Date.now() / 1000); }
  async destroy(id) { held.delete(this.key(id)); }
  async revokeByGrantId(grant) {
    for (const [key, value] of held) if (value.grantId === grant) held.delete(key);
  }
}

const provider = new Provider(issuer, {
  adapter: Store,
  clients: [
    {
      client_id: 'desktop', client_secret: 's3cret', application_type: 'native',
      token_endpoint_auth_method: 'client_secret_post', redirect_uris: ['http://127.0.0.1'],
      grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
    },
    {
      client_id: 'dovecot', client_secret: 'dovecot', redirect_uris: [],
      grant_types: [], response_types: [],
    },
  ],
  cookies: { keys: ['lab'] },
  scopes: ['openid', 'email', mail],
  claims: { openid: ['sub'], email: ['email'] },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  findAccount: (_, sub) => ({ accountId: sub, claims: async () => ({ sub, email: sub }) }),
  extraTokenClaims: (_, token) => ({ email: token.accountId }),
  issueRefreshToken: async () => true,
  rotateRefreshToken: true,
  ttl: { AccessToken: 3600, RefreshToken: 86400, Grant: 86400, Session: 86400, IdToken: 3600,
    Interaction: 600, AuthorizationCode: 60 },
  features: {
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true, allowedPolicy: () => true },
  },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
});

async function agree(request, response) {
  const { params } = await provider.interactionDetails(request, response);
  const user = params.login_hint;
  const grant = new provider.Grant({ accountId: user, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const result = { login: { accountId: user }, consent: { grantId: await grant.save() } };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

const answer = provider.callback();
http.createServer(async (request, response) => {
  const url = new URL(request.url, issuer);
  try {
    if (url.pathname === '/lab/revoke') {
      const user = url.searchParams.get('user');
      for (const [key, value] of held) if (value.accountId === user) held.delete(key);
      response.end();
    } else if (url.pathname.startsWith('/interaction/')) await agree(request, response);
    else await answer(request, response);
  } catch (error) {
    console.error(error);
    response.writeHead(500).end();
  }
}).listen(process.env.PORT, '127.0.0.1');
