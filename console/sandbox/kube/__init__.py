"""An embedded Kubernetes API server with the controllers and the kubelet that the sandbox needs.

`server.KubeServer` is the whole cluster in one event loop; `python -m console.sandbox.kube` runs it as a process.
"""
