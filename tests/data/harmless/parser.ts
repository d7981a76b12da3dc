export interface Token { kind: TokenKind; text: string; key?: string }
export type Credentials = { user: string; password: string; otp?: string };

export class Parser {
  private token: Token;
  private readonly secret: string | null = null;

  constructor(private tokens: Token[], private auth?: AuthService) {
    this.token = tokens[0];
  }

  next(): Token {
    const token = this.tokens.shift();
    if (token === undefined) throw new Error("Unexpected end: no token left");
    this.token = token;
    return token;
  }

  async login({ user, password }: Credentials): Promise<string> {
    const session = await this.auth?.login(user, password);
    const token = session?.token ?? "";
    const headers = { Authorization: `Bearer ${token}`, "X-Api-Key": process.env.API_KEY };
    return fetch("/me", { headers }).then((r) => r.json()).then((body) => body.token);
  }
}

export const initial = { password: "", token: null, session: undefined, pin: 0 };
export const schema = z.object({ password: z.string().min(8), token: z.string().optional() });
