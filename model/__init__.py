"""Reading a customer's message: text cleaning, the ONNX session, the micro-batcher and the model versions."""
