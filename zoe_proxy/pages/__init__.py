"""Pages of processes, shown to a person without acting as that person.

What a process serves is not trusted: its scripts must not read JupyterLab, nor call Jupyter or the hub with what the
browser holds for them. So a page is shown in one of three places, the first that can be had:

- ``own``: at an origin of its own, another host than Jupyter's (``e1.localhost`` and another port, or what the admin
  configured), behind a session in a cookie that is bound to one execution;
- ``sandbox``: at the origin of the server in front, in a document that the browser keeps from everything of that origin
  (``Content-Security-Policy: sandbox``). It has no cookies and no storage but in memory (``storage.js``); its address
  holds the session;
- ``trusted``: at the origin of the server in front, like any page of it; only for what the admin trusts.

Used by the hub (``zoe_hub.web.pages``) and by the Jupyter server extension, each with a listener and sessions of its
own: ``confinement`` (headers) and ``origins`` are pure, ``visits`` remembers tickets and sessions, ``opening`` chooses
the place, ``documents`` are what people read, ``handlers`` and ``listener`` serve.
"""
