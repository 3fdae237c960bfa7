/** The exchanges with Temporal behind each question: which calls, in which order, in which case. */
import { createHash, randomUUID } from "node:crypto";
import {
  Client,
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  type WorkflowHandle,
} from "@temporalio/client";
import { defaultPayloadConverter, type Workflow } from "@temporalio/common";
import {
  inTheWordsOfTheTrade,
  Interrupted,
  isLostByClosing,
  isWithoutRun,
  metATakenId,
  NotFound,
  OutcomeUnknown,
  refusalOf,
  Refused,
} from "./errors.js";
import type { CheckoutRequest, Settlement } from "./messages.js";
import type { Outcome, RefundDue } from "./outcomes.js";
import { isTombstone, reportOf, type CheckoutReport, type Timeline } from "./reports.js";
import { meaning } from "./sameness.js";

const TASK_QUEUE = "checkout";
// A message may meet a workflow that is just closing, or continuing in a new run.
const ASKS_MAX = 3;
const WORD_LENGTH = 32;
export const SAME_ID = "ask again with the same checkout id";

export interface Update {
  checkoutId: string;
  /** The contract's name of it. */
  name: string;
  message: object;
  /** A run carries an update of one id out once. */
  updateId?: string;
  /** Whether another run may be asked where one may have carried it out. */
  isRepeatable?: boolean;
  /** What says the same where the checkout's own workflow is gone; else what is open gets one. */
  settlement?: Settlement;
  remedy?: string;
}

/** The answer to an update; `isResult`: it was not carried out, because the checkout is over. */
export interface Reply {
  answer: Outcome | RefundDue;
  isResult: boolean;
}

export class Exchanges {
  constructor(
    private readonly temporal: Client,
    private readonly answerTimeoutMs: number,
  ) {}

  /** Start the checkout, or join it. */
  reserve(request: CheckoutRequest): Promise<Outcome> {
    const updateId = randomUUID();
    return this.bounded(SAME_ID, async () => {
      for (let ask = 1; ask <= ASKS_MAX; ask++) {
        try {
          return await this.reserved(request, updateId, "REJECT_DUPLICATE");
        } catch (error) {
          if (error instanceof WorkflowExecutionAlreadyStartedError) {
            return await this.resultOfTheSame(request, updateId);
          }
          if (!(isWithoutRun(error) || isLostByClosing(error))) throw error;
        }
      }
      throw overtaken(request.checkout_id, SAME_ID);
    });
  }

  /** Send an update. Where no run takes it, it is settled, or answered with how it ended. */
  update({ remedy = SAME_ID, ...question }: Update): Promise<Reply> {
    const handle = this.checkout(question.checkoutId);
    const { message, updateId = randomUUID() } = question;
    const options = { args: [message] as [object], updateId };
    return this.bounded(remedy, async () => {
      let failure: unknown = overtaken(question.checkoutId, remedy);
      for (let ask = 1; ask <= ASKS_MAX; ask++) {
        let mayBeDone = false;
        try {
          const answer = await handle.executeUpdate<Outcome, [object]>(question.name, options);
          return { answer, isResult: false };
        } catch (error) {
          if (isLostByClosing(error)) mayBeDone = !question.isRepeatable;
          else if (metATakenId(error)) failure = error;
          else if (!isWithoutRun(error)) throw error;
        }
        const reply = await this.withoutItsRun(handle, question);
        if (reply) return reply;
        if (mayBeDone) break;
      }
      throw failure;
    });
  }

  /** The checkout's report: of its workflow while that runs, else what the database knows. */
  status(checkoutId: string): Promise<CheckoutReport> {
    return this.bounded("ask again", async () => {
      const handle = this.checkout(checkoutId);
      const standing = await standingOf(handle);
      if (standing && !CLOSED.has(standing)) return await handle.query<CheckoutReport>("status");
      const told = await this.recorded(checkoutId);
      if (told && !isTombstone(told)) return reportOf(told);
      if (!standing) throw new NotFound(`checkout ${checkoutId} is not known`);
      // Nothing was held or denied: the payments that came since are there, the run tells the rest.
      await resultOf(handle);
      const noted = await handle.query<CheckoutReport>("status");
      if (!told) return noted;
      return { ...noted, payments: told.payments, payments_left_out: told.payments_left_out };
    });
  }

  /** What the last run of a checkout noted, in more detail than the database has. */
  async noted(checkoutId: string): Promise<CheckoutReport | undefined> {
    try {
      return await this.bounded("ask again", () => this.checkout(checkoutId).query("status"));
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
  }

  /** Ask by a workflow that reads once and ends. */
  read<Answer>(workflow: string, workflowId: string, request: object): Promise<Answer> {
    return this.bounded("ask again", () => this.reading<Answer>(workflow, workflowId, request));
  }

  private async reserved(
    request: CheckoutRequest, updateId: string, reuse: "REJECT_DUPLICATE" | "ALLOW_DUPLICATE",
  ): Promise<Outcome> {
    const start = new WithStartWorkflowOperation("CheckoutWorkflow", {
      workflowId: workflowIdOf(request.checkout_id),
      taskQueue: TASK_QUEUE,
      // A worker that stops may take its first task along: another decides after so long.
      workflowTaskTimeout: "8 seconds",
      args: [request],
      workflowIdConflictPolicy: "USE_EXISTING",
      workflowIdReusePolicy: reuse,
    });
    const { workflow } = this.temporal;
    return await workflow.executeUpdateWithStart<Workflow, Outcome, [CheckoutRequest]>("reserved", {
      args: [request],
      updateId,
      startWorkflowOperation: start,
    });
  }

  private async resultOfTheSame(request: CheckoutRequest, updateId: string): Promise<Outcome> {
    const handle = this.checkout(request.checkout_id);
    const startedWith = await this.firstInput(handle);
    // Where the database knows what was asked for, a run of it compares the requests.
    if ((startedWith && "resume" in startedWith) || (await this.isOnRecord(handle, request))) {
      return await this.reserved(request, updateId, "ALLOW_DUPLICATE");
    }
    if (!startedWith || meaning(startedWith) !== meaning(request)) {
      throw new Refused("CheckoutConflict", `${request.checkout_id} names a different request`);
    }
    return await resultOf(handle);
  }

  /** Whether a run came to nothing, and the database knows the checkout; what is open goes on. */
  private async isOnRecord(handle: WorkflowHandle, request: CheckoutRequest): Promise<boolean> {
    if ((await standingOf(handle)) === "COMPLETED") return false;
    try {
      await this.settled(resumptionOf(request.checkout_id));
      return true;
    } catch (error) {
      if (error instanceof NotFound) return false;
      throw error;
    }
  }

  /** What the first of its runs was started with: later ones carry along where it stands. */
  private async firstInput(handle: WorkflowHandle): Promise<CheckoutRequest | undefined> {
    const { raw, runId } = await handle.describe();
    const firstRunId = raw.workflowExecutionInfo?.firstRunId || runId;
    const first = this.temporal.workflow.getHandle(handle.workflowId, firstRunId);
    const event = (await first.fetchHistory()).events?.[0];
    const input = event?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0];
    return input && defaultPayloadConverter.fromPayload<CheckoutRequest>(input);
  }

  /** The answer where no run takes an update; undefined where one does now, and is to be asked. */
  private async withoutItsRun(
    handle: WorkflowHandle, question: Update,
  ): Promise<Reply | undefined> {
    const standing = await standingOf(handle);
    if (standing === "COMPLETED") {
      const answer = await resultOf(handle);
      if (!isToBeSettled(question, answer)) return { answer, isResult: true };
    } else if (standing && !CLOSED.has(standing)) {
      return undefined;
    }
    const wish = question.settlement ?? resumptionOf(question.checkoutId);
    const answer = await this.settled(wish).catch(async (error: unknown) => {
      if (standing === "FAILED" && error instanceof NotFound) await throwRefusal(handle);
      throw error;
    });
    const isResumed = wish.operation === "resume";
    if (isResumed && (answer.status === "held" || answer.status === "committed")) return undefined;
    return { answer, isResult: isResumed };
  }

  /** Have it settled by a workflow of its own, once for what is asked. */
  private settled(wish: Settlement): Promise<Outcome | RefundDue> {
    const text = JSON.stringify(wish, Object.keys(wish).sort());
    const word = createHash("sha256").update(text).digest("hex").slice(0, WORD_LENGTH);
    const workflowId = `settlement/${wish.checkout_id}/${word}`;
    return answered(() =>
      this.temporal.workflow.execute("SettlementWorkflow", {
        workflowId,
        taskQueue: TASK_QUEUE,
        args: [wish],
        workflowIdReusePolicy: "ALLOW_DUPLICATE",
        workflowIdConflictPolicy: "USE_EXISTING",
      }),
    );
  }

  private async recorded(checkoutId: string): Promise<Timeline | undefined> {
    const workflowId = `timeline/${checkoutId}/${randomUUID()}`;
    const request = { checkout_id: checkoutId };
    try {
      return await this.reading<Timeline>("TimelineWorkflow", workflowId, request);
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
  }

  private reading<Answer>(workflow: string, workflowId: string, request: object): Promise<Answer> {
    return answered(() =>
      this.temporal.workflow.execute(workflow, {
        workflowId,
        taskQueue: TASK_QUEUE,
        args: [request],
        // Who asked has gone by then; without a worker it must not wait for ever.
        workflowExecutionTimeout: "1 minute",
      }),
    );
  }

  private checkout(checkoutId: string): WorkflowHandle {
    return this.temporal.workflow.getHandle(workflowIdOf(checkoutId));
  }

  private async bounded<Answer>(remedy: string, ask: () => Promise<Answer>): Promise<Answer> {
    try {
      return await this.temporal.withDeadline(Date.now() + this.answerTimeoutMs, ask);
    } catch (error) {
      throw inTheWordsOfTheTrade(error, remedy);
    }
  }
}

const CLOSED = new Set(["CANCELLED", "COMPLETED", "FAILED", "TERMINATED", "TIMED_OUT"]);

function workflowIdOf(checkoutId: string): string {
  return `checkout/${checkoutId}`;
}

/** The wish that what is open has a workflow again, and to be told where it stands. */
function resumptionOf(checkoutId: string): Settlement {
  return { checkout_id: checkoutId, operation: "resume" };
}

/** How its last run stands; undefined where Temporal does not know it. */
async function standingOf(handle: WorkflowHandle): Promise<string | undefined> {
  try {
    return (await handle.describe()).status.name;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

async function resultOf(handle: WorkflowHandle): Promise<Outcome> {
  try {
    return (await handle.result()) as Outcome;
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    throw refusalOf(error.cause) ?? new Interrupted(error.message, { cause: error });
  }
}

/** Throws why its workflow failed, where that is a refusal of the request itself. */
async function throwRefusal(handle: WorkflowHandle): Promise<void> {
  try {
    await resultOf(handle);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
  }
}

/** The answer of a workflow that is there for one question; without one nobody knows. */
async function answered<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    throw refusalOf(error.cause) ?? new OutcomeUnknown(error.message, { cause: error });
  }
}

/** A payment that did not settle what is over: it is due back, or makes the checkout anew. */
function isToBeSettled({ settlement }: Update, result: Outcome): boolean {
  if (settlement?.payment_reference === undefined) return false;
  const paidBy = "payment_reference" in result ? result.payment_reference : undefined;
  return paidBy !== settlement.payment_reference;
}

function overtaken(checkoutId: string, remedy: string): OutcomeUnknown {
  return new OutcomeUnknown(`checkout ${checkoutId}: no outcome yet; ${remedy}`);
}
