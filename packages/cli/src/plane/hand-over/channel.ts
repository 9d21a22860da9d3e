/** The way between two processes of which one has started the other. Messages arrive in order, or it is closed. */
export interface Channel {
  /** Resolves when the message is on its way; what cannot be sent any more is lost, which `onClosed` tells. */
  send(message: unknown): Promise<void>;
  /** Once. What came before is heard as well. */
  listen(listener: ChannelListener): void;
  close(): void;
}

export interface ChannelListener {
  readonly onMessage: (message: unknown) => void;
  /** Once: the other end is gone, or has closed it, or we have. */
  readonly onClosed: () => void;
}

/** This process as one of the ends, or a child of it. */
interface End {
  readonly connected: boolean;
  send?(message: unknown, onSent: () => void): unknown;
  disconnect?(): void;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  off(event: 'message', listener: (message: unknown) => void): unknown;
  once(event: 'disconnect', listener: () => void): unknown;
}

/** The channel to a process that was started with one, or to the process that has started us. Undefined when there is none. */
export function channelOf(end: End): Channel | undefined {
  if (end.send === undefined || !end.connected) return undefined;
  // What comes before somebody listens is kept, and whoever sends so much then waits for answers first.
  const early: unknown[] = [];
  let isClosed = false;
  const keep = (message: unknown): void => void early.push(message);
  end.on('message', keep);
  end.once('disconnect', () => {
    isClosed = true;
  });
  return {
    send: (message) =>
      new Promise((resolve) => {
        if (!end.connected) return resolve();
        // Without a callback a channel that breaks just now would be an error event, which ends the process.
        end.send?.(message, () => resolve());
      }),
    listen: ({ onMessage, onClosed }) => {
      end.off('message', keep);
      for (const message of early.splice(0)) onMessage(message);
      end.on('message', onMessage);
      if (isClosed) onClosed();
      else end.once('disconnect', onClosed);
    },
    close: () => {
      if (end.connected) end.disconnect?.();
    },
  };
}
